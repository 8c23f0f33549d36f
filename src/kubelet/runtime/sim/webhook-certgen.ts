/**
 * kube-webhook-certgen, as ingress-nginx and others run it in Jobs: `create` makes a CA and a serving certificate and
 * puts them into a Secret; `patch` puts the CA into webhook configurations. It speaks to the API server over the pod's
 * network with the pod's token, so its RBAC rules count.
 * Upstream: ingress-nginx/images/kube-webhook-certgen.
 */
import { CertificateAuthority } from '../../../pki/index.ts';
import { ConnectError, type HttpResponse } from './fabric-types.ts';
import { FileError } from './file-system.ts';
import type { Process } from './process.ts';
import { resolve } from './shell/commands/net.ts';

const tokenPath = '/var/run/secrets/kubernetes.io/serviceaccount/token';
const apiHost = 'kubernetes.default.svc';
const timeoutMs = 30_000;
const hundredYearsMs = 100 * 365 * 24 * 3600 * 1000;

/** What went wrong, for the log. */
class Failure extends Error {}

export async function webhookCertgen(process: Process, args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  const flags = new Map(
    rest.flatMap((arg) => {
      const match = /^--?([^=]+)(?:=(.*))?$/.exec(arg);
      return match ? [[match[1]!, match[2] ?? 'true'] as const] : [];
    }),
  );
  try {
    if (command === 'create') await create(process, flags);
    else if (command === 'patch') await patch(process, flags);
    else throw new Failure(`unknown command ${JSON.stringify(command ?? '')} for "kube-webhook-certgen"`);
    return 0;
  } catch (error) {
    if (!(error instanceof Failure || error instanceof ConnectError || error instanceof FileError)) throw error;
    await log(process, 'fatal', error.message);
    return 1;
  }
}

type Flags = ReadonlyMap<string, string>;

async function log(process: Process, level: 'info' | 'fatal', message: string): Promise<void> {
  await process.complain(JSON.stringify({ level, msg: message }));
}

function required(flags: Flags, name: string): string {
  const value = flags.get(name);
  if (!value) throw new Failure(`required flag(s) "${name}" not set`);
  return value;
}

async function create(process: Process, flags: Flags): Promise<void> {
  const hosts = required(flags, 'host').split(',');
  const namespace = required(flags, 'namespace');
  const name = required(flags, 'secret-name');
  await log(process, 'info', `getting secret '${name}' in namespace '${namespace}'`);
  if (await readSecret(process, namespace, name)) {
    await log(process, 'info', 'secret already exists');
    return;
  }
  const now = process.world.clock.now();
  const ca = CertificateAuthority.create({ commonName: 'nil1', now, validityMs: hundredYearsMs });
  const pair = ca.issue({
    subject: { organizations: ['nil2'], commonName: hosts[0]! },
    usages: ['serverAuth', 'clientAuth'],
    dnsNames: hosts,
    now,
    validityMs: hundredYearsMs,
  });
  const encoded = (text: string) => Buffer.from(text).toString('base64');
  const data = {
    ca: encoded(ca.pair.cert),
    [flags.get('cert-name') ?? 'cert']: encoded(pair.cert),
    [flags.get('key-name') ?? 'key']: encoded(pair.key),
  };
  await log(process, 'info', 'creating new secret');
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, type: 'Opaque', data };
  expectSuccess(await call(process, 'POST', `/api/v1/namespaces/${namespace}/secrets`, secret));
}

async function patch(process: Process, flags: Flags): Promise<void> {
  const namespace = required(flags, 'namespace');
  const name = required(flags, 'secret-name');
  const webhook = required(flags, 'webhook-name');
  await log(process, 'info', `getting secret '${name}' in namespace '${namespace}'`);
  const caBundle = (await readSecret(process, namespace, name))?.data?.ca;
  if (!caBundle) throw new Failure(`no secret with '${name}' in '${namespace}'`);
  const failurePolicy = flags.get('patch-failure-policy');
  for (const [flag, plural] of [
    ['patch-mutating', 'mutatingwebhookconfigurations'],
    ['patch-validating', 'validatingwebhookconfigurations'],
  ] as const) {
    if (flags.get(flag) === 'false') continue;
    const path = `/apis/admissionregistration.k8s.io/v1/${plural}/${webhook}`;
    const found = expectSuccess(await call(process, 'GET', path));
    for (const each of found.webhooks ?? []) {
      each.clientConfig = { ...each.clientConfig, caBundle };
      if (failurePolicy) each.failurePolicy = failurePolicy;
    }
    await log(process, 'info', `patching ${plural.slice(0, -1)} '${webhook}'`);
    expectSuccess(await call(process, 'PUT', path, found));
  }
  await log(process, 'info', 'Patched hook(s)');
}

async function readSecret(process: Process, namespace: string, name: string): Promise<any> {
  const response = await call(process, 'GET', `/api/v1/namespaces/${namespace}/secrets/${name}`);
  return response.status === 404 ? undefined : expectSuccess(response);
}

function expectSuccess({ status, body }: HttpResponse): any {
  const object = JSON.parse(body);
  if (status >= 400) throw new Failure(object.message ?? `the server answered ${status}`);
  return object;
}

async function call(process: Process, method: string, path: string, object?: object): Promise<HttpResponse> {
  const { world } = process;
  const token = await world.fs.read(tokenPath);
  const ip = resolve(process, apiHost)?.ips[0];
  if (!ip) throw new Failure(`dial tcp: lookup ${apiHost}: no such host`);
  const headers: Record<string, string> = {
    host: apiHost,
    accept: 'application/json',
    authorization: `Bearer ${token}`,
    'user-agent': 'kube-webhook-certgen',
  };
  if (object) headers['content-type'] = 'application/json';
  const request = { method, path, headers, ...(object ? { body: JSON.stringify(object) } : {}) };
  return process.until(world.fabric.http(ip, 443, request, world.peer, timeoutMs));
}
