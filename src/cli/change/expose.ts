/** `klab expose`. Upstream: kubectl/pkg/cmd/expose/expose.go, polymorphichelpers. */
import { applyJsonPatch, applyMergePatch, type KubeObject } from '../../apimachinery/index.ts';
import { UserError } from '../exit-codes.ts';
import type { Session, SessionRequest } from '../session.ts';
import { parseDryRun } from '../write/dry-run.ts';
import type { FileFlags, WriteFlags } from '../write/flags.ts';
import type { WriteIo } from '../write/io.ts';
import { eachLiveObject } from '../write/live-objects.ts';
import { readFileFlags } from '../write/read-files.ts';
import { ResultPrinter } from '../write/result-printer.ts';

export interface ExposeFlags extends WriteFlags, FileFlags, Omit<SessionRequest, 'name'> {
  readonly name?: string;
  readonly 'service-name'?: string;
  readonly port?: string;
  readonly protocol?: string;
  readonly 'target-port'?: string;
  readonly type?: string;
  readonly 'cluster-ip'?: string;
  readonly 'external-ip'?: string;
  readonly 'load-balancer-ip'?: string;
  readonly labels?: string;
  readonly selector?: string;
  readonly 'session-affinity'?: string;
  readonly overrides?: string;
  readonly 'override-type'?: string;
}

interface Port {
  readonly name?: string;
  readonly containerPort?: number;
  readonly port?: number;
  readonly protocol?: string;
}

/** Labels that select what an object stands for, its ports, and the protocol of each. */
function introspect(object: KubeObject): { selector: Record<string, string>; ports: Port[] } {
  const spec = (object['spec'] ?? {}) as any;
  const containers = (pod: any): Port[] =>
    (pod?.containers ?? []).flatMap((one: { ports?: Port[] }) => one.ports ?? []);
  switch (object.kind) {
    case 'Pod': {
      const labels = object.metadata.labels ?? {};
      if (Object.keys(labels).length === 0) throw new UserError('the pod has no labels and cannot be exposed');
      return { selector: labels, ports: containers(spec) };
    }
    case 'Service':
      if (!spec.selector) throw new UserError('the service has no pod selector set');
      return { selector: spec.selector, ports: spec.ports ?? [] };
    case 'ReplicationController':
      return { selector: spec.selector, ports: containers(spec.template?.spec) };
    case 'Deployment':
    case 'ReplicaSet': {
      if (spec.selector?.matchExpressions?.length > 0) {
        throw new UserError(
          `couldn't convert expressions - "${JSON.stringify(spec.selector.matchExpressions)}" to map-based selector format`,
        );
      }
      return { selector: spec.selector?.matchLabels ?? {}, ports: containers(spec.template?.spec) };
    }
    default:
      throw new UserError(`cannot expose a ${object.kind}`);
  }
}

function parseMap(text: string, what: string): Record<string, string> {
  const out: Record<string, string> = {};
  for (const pair of text.split(',')) {
    const parts = pair.split('=');
    if (parts.length !== 2 || parts[0] === '') throw new UserError(`unexpected ${what} spec: ${pair}`);
    out[parts[0]!] = parts[1]!;
  }
  return out;
}

const portValue = (text: string): number | string => (/^\d+$/.test(text) ? Number(text) : text);

export async function expose(
  words: readonly string[],
  flags: ExposeFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<void> {
  const dryRun = parseDryRun(flags['dry-run']);
  const printer = new ResultPrinter(flags, dryRun, io.write);
  const manifests = await readFileFlags(flags, 'exposed', io.signal);
  const opened = await session();
  await eachLiveObject(opened, { command: 'expose', words, manifests }, async ({ object, namespace }) => {
    let service = serviceOf(object, flags);
    service.metadata.namespace = opened.namespaceGiven ? namespace : undefined;
    if (service.metadata.namespace === undefined) delete service.metadata.namespace;
    if (flags.overrides) service = overridden(service, flags.overrides, flags['override-type'] ?? 'merge');
    const result =
      dryRun === 'client'
        ? service
        : await opened.client
            .resource(await opened.resolve('services'))
            .namespace(namespace)
            .create(service, {
              fieldManager: flags['field-manager'],
              dryRun: dryRun === 'server',
              signal: opened.signal,
            });
    printer.print(result, 'exposed');
  });
}

export function overridden(object: KubeObject, text: string, type: string): KubeObject {
  let patch: unknown;
  try {
    patch = JSON.parse(text);
  } catch (error) {
    throw new UserError((error as Error).message);
  }
  if (type === 'json') return applyJsonPatch(object, patch) as KubeObject;
  if (type === 'merge' || type === 'strategic') return applyMergePatch(object, patch) as KubeObject;
  throw new UserError(`invalid override type: ${type}`);
}

export function serviceOf(object: KubeObject, flags: ExposeFlags): KubeObject {
  const { selector, ports } = introspect(object);
  const name = flags.name || object.metadata.name!.slice(0, 63);
  const found = ports.map((port) => port.port ?? port.containerPort!).join(',');
  const wanted = flags.port || found;
  if (wanted === '') throw new UserError("couldn't find port via --port flag or introspection");
  const protocols = new Map(ports.map((port) => [String(port.port ?? port.containerPort), port.protocol ?? 'TCP']));
  const texts = wanted.split(',');
  const target = flags['target-port'] ?? '';
  const built = texts.map((text, i) => {
    const port = Number(text);
    if (!/^\d+$/.test(text)) throw new UserError(`strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
    return {
      ...(texts.length > 1 && { name: `port-${i + 1}` }),
      protocol: flags.protocol || protocols.get(text) || 'TCP',
      port,
      targetPort: target === '' ? port : portValue(target),
    };
  });
  const labels = flags.labels ? parseMap(flags.labels, 'label') : object.metadata.labels;
  return {
    kind: 'Service',
    apiVersion: 'v1',
    metadata: { name, ...(labels && Object.keys(labels).length > 0 && { labels }) },
    spec: {
      ports: built,
      selector: flags.selector ? parseMap(flags.selector, 'selector') : selector,
      ...(flags['cluster-ip'] && { clusterIP: flags['cluster-ip'] }),
      ...(flags.type && { type: flags.type }),
      ...(flags['external-ip'] && { externalIPs: [flags['external-ip']] }),
      ...(flags['session-affinity'] && { sessionAffinity: flags['session-affinity'] }),
      ...(flags['load-balancer-ip'] && flags.type === 'LoadBalancer' && { loadBalancerIP: flags['load-balancer-ip'] }),
    },
    status: { loadBalancer: {} },
  } as KubeObject;
}
