/** `create ingress`: rules `host/path*=service:port[,tls[=secret]]`. Upstream: kubectl/pkg/cmd/create/create_ingress.go. */
import type { KubeObject } from '../../apimachinery/index.ts';
import { UserError } from '../exit-codes.ts';

export interface IngressFlags {
  readonly rule?: readonly string[];
  readonly class?: string;
  readonly 'default-backend'?: string;
  readonly annotation?: readonly string[];
}

const ruleSyntax = /^(?<host>[\w*\-.]*)(?<path>\/[^=]*)=(?<service>[\w-]+:[\w-]+)(?<tls>,tls(=[\w-]*)?)?$/;

interface Rule {
  readonly host: string;
  readonly path: string;
  readonly service: string;
  readonly tls: string | undefined;
}

function parseRule(text: string): Rule {
  const groups = ruleSyntax.exec(text)?.groups;
  if (!groups) {
    throw new UserError(`rule ${text} is invalid and should be in format host/path=svcname:svcport[,tls[=secret]]`);
  }
  const { host = '', path = '', service = '', tls } = groups;
  return { host, path, service, tls };
}

function backendOf(text: string): object {
  const [name = '', port = ''] = text.split(':');
  return { service: { name, port: /^\d+$/.test(port) ? { number: Number(port) } : { name: port } } };
}

export function ingress(name: string, flags: IngressFlags): KubeObject {
  const rules = (flags.rule ?? []).map(parseRule);
  const fallback = flags['default-backend'] ?? '';
  if (rules.length === 0 && fallback === '') {
    throw new UserError(
      'not enough information provided: every ingress has to either specify a default-backend (which catches all traffic) or a list of rules (which catch specific paths)',
    );
  }
  if (fallback !== '' && fallback.split(':').length !== 2) {
    throw new UserError('default-backend should be in format servicename:serviceport');
  }
  const annotations: Record<string, string> = {};
  for (const text of flags.annotation ?? []) {
    const at = text.indexOf('=');
    if (at < 0) throw new UserError(`annotation ${text} is invalid and should be in format key=[value]`);
    annotations[text.slice(0, at)] = text.slice(at + 1);
  }
  const hosts = new Map<string, object[]>();
  const tls: { hosts?: string[]; secretName?: string }[] = [];
  const secured = new Set<string>();
  for (const { host, path, service, tls: wanted } of rules) {
    const prefix = path.endsWith('*');
    const shown = prefix ? path.slice(0, -1) : path;
    const paths = hosts.get(host) ?? [];
    paths.push({ path: shown, pathType: prefix ? 'Prefix' : 'Exact', backend: backendOf(service) });
    hosts.set(host, paths);
    // A host gets one secret, the first.
    if (wanted === undefined || secured.has(host)) continue;
    secured.add(host);
    const secretName = wanted.split('=')[1] ?? '';
    const same = tls.find((entry) => (entry.secretName ?? '') === secretName);
    if (same) same.hosts = [...(same.hosts ?? []), host];
    else if (host !== '' || secretName !== '') {
      tls.push({ ...(host !== '' && { hosts: [host] }), ...(secretName !== '' && { secretName }) });
    }
  }
  return {
    kind: 'Ingress',
    apiVersion: 'networking.k8s.io/v1',
    metadata: { name, ...(Object.keys(annotations).length > 0 && { annotations }) },
    spec: {
      ...(flags.class && { ingressClassName: flags.class }),
      ...(fallback !== '' && { defaultBackend: backendOf(fallback) }),
      ...(tls.length > 0 && { tls }),
      ...(hosts.size > 0 && {
        rules: [...hosts].map(([host, paths]) => ({ ...(host !== '' && { host }), http: { paths } })),
      }),
    },
    status: { loadBalancer: {} },
  } as KubeObject;
}
