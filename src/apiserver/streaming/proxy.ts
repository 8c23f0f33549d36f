/**
 * `…/proxy/PATH` of pods, services and nodes. Upstream: apimachinery/pkg/util/proxy, pkg/registry/core/{pod/strategy.go,
 * service/storage/storage.go, node/strategy.go} (ResourceLocation).
 */
import { type KubeObject, newBadRequest, newServiceUnavailable, StatusError } from '../../apimachinery/index.ts';
import type { Prng } from '../../base/index.ts';
import { readEntry } from '../handlers/read.ts';
import type { ResourceRegistry } from '../registry/registry.ts';
import type {
  NodeDialer,
  ObjectReader,
  ProxyResponse,
  ProxyTarget,
  RequestContext,
  RequestInfo,
  ServerResponse,
} from '../types.ts';
import { admitConnect } from './connect.ts';

export interface ProxyDeps {
  readonly nodes: NodeDialer | undefined;
  readonly reader: ObjectReader;
  readonly prng: Prng;
}

/** @throws StatusError */
export async function proxyHandler(
  registry: ResourceRegistry,
  context: RequestContext,
  deps: ProxyDeps,
): Promise<ServerResponse> {
  const { info, request } = context;
  const asked = splitName(info.name);
  if (!asked) throw newBadRequest(`invalid ${registry.definition.singular} request ${JSON.stringify(info.name)}`);
  await admitConnect(registry, context);
  const target = await locate(registry, { ...context, info: { ...info, name: asked.name } }, asked, deps);
  if (!deps.nodes) throw newServiceUnavailable('this API server has no way to reach the pod network');
  const prefix = prefixOf(info);
  const path = request.path.slice(prefix.length);
  if (path === '' && (request.method === 'GET' || request.method === 'HEAD'))
    return redirectToRoot(request.path, request.query);
  const query = request.query.size > 0 ? `?${request.query}` : '';
  const {
    'content-length': _,
    'transfer-encoding': __,
    connection: ___,
    authorization: ____,
    ...headers
  } = request.headers;
  let answer: ProxyResponse;
  try {
    answer = await deps.nodes.http(
      target,
      {
        method: request.method,
        path: `${encodeURI(path === '' ? '/' : path)}${query}`,
        headers: {
          ...(headers as Record<string, string>),
          'x-forwarded-for': request.remoteAddress ?? '',
          'x-forwarded-uri': `${prefix}${path}`,
          'x-forwarded-host': request.headers['host'] ?? '',
          'x-forwarded-proto': 'https',
        },
        ...(request.body?.bytes ? { body: request.body.bytes } : {}),
      },
      request.signal,
    );
  } catch (error) {
    if (error instanceof StatusError) throw error;
    throw newServiceUnavailable(`error trying to reach service: ${error instanceof Error ? error.message : error}`);
  }
  return answerOf(answer, prefix);
}

/** The path up to and with `/proxy`. */
function prefixOf({ path, parts }: RequestInfo): string {
  // parts: resource, name, `proxy`, then what is asked of the target.
  const rest = parts.slice(3).join('/');
  const bare = path.replace(/\/+$/, '');
  return rest === '' ? bare : bare.slice(0, bare.length - rest.length - 1);
}

/** Relative links of a page work only below a slash. Upstream: proxyRedirectsforRootPath. */
function redirectToRoot(path: string, query: URLSearchParams): ServerResponse {
  const location = `${encodeURI(path)}/${query.size > 0 ? `?${query}` : ''}`;
  return {
    code: 301,
    headers: { Location: location },
    body: { kind: 'bytes', contentType: 'text/plain; charset=utf-8', bytes: new Uint8Array(0) },
  };
}

/** Headers that belong to one connection. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'content-length',
  'content-type',
]);

function answerOf({ code, headers, body }: ProxyResponse, prefix: string): ServerResponse {
  const passed: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (hopByHop.has(name)) continue;
    // What the target says of itself leads back through here.
    passed[name] = name === 'location' && value.startsWith('/') ? `${prefix}${value}` : value;
  }
  const contentType = headers['content-type'] ?? 'application/octet-stream';
  return { code, headers: passed, body: { kind: 'bytes', contentType, bytes: body } };
}

interface AskedName {
  readonly scheme: string;
  readonly name: string;
  readonly port: string;
}

/** `name`, `name:port`, `scheme:name:port`. Upstream: apimachinery/pkg/util/net SplitSchemeNamePort. */
function splitName(id: string): AskedName | undefined {
  const parts = id.split(':');
  const [scheme = '', name = '', port = ''] =
    parts.length === 1 ? ['', parts[0]] : parts.length === 2 ? ['', ...parts] : parts;
  if (parts.length > 3 || name === '' || !['', 'http', 'https'].includes(scheme)) return undefined;
  return { scheme, name, port };
}

async function locate(
  registry: ResourceRegistry,
  context: RequestContext,
  asked: AskedName,
  deps: ProxyDeps,
): Promise<ProxyTarget> {
  const { object } = await readEntry(registry, context);
  const byDefault = asked.scheme === 'https' ? 443 : 80;
  switch (registry.definition.plural) {
    case 'pods': {
      const ip: string = object['status']?.podIP ?? '';
      if (ip === '') throw newBadRequest('address not allowed');
      return { ip, port: portNumber(asked.port) ?? firstPort(object) ?? byDefault };
    }
    case 'services':
      return serviceEndpoint(object, asked, deps);
    default: {
      if (asked.port === '' || asked.port === '10250') return { node: asked.name };
      const addresses: readonly { type: string; address: string }[] = object['status']?.addresses ?? [];
      const ip = addresses.find(({ type }) => type === 'InternalIP')?.address;
      if (ip === undefined) throw newBadRequest('address not allowed');
      return { ip, port: portNumber(asked.port) ?? byDefault };
    }
  }
}

function portNumber(text: string): number | undefined {
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

function firstPort(pod: Readonly<KubeObject>): number | undefined {
  const containers: readonly { ports?: readonly { containerPort: number }[] }[] = pod['spec'].containers ?? [];
  return containers.find(({ ports }) => ports && ports.length > 0)?.ports?.[0]?.containerPort;
}

interface ServicePort {
  readonly name?: string;
  readonly port: number;
}

/** A ready endpoint of the service, by chance. Upstream: service storage ResourceLocation. */
function serviceEndpoint(service: Readonly<KubeObject>, asked: AskedName, { reader, prng }: ProxyDeps): ProxyTarget {
  const { namespace = '', name = '' } = service.metadata;
  const ports: readonly ServicePort[] = service['spec'].ports ?? [];
  let portName = asked.port;
  const number = portNumber(asked.port);
  if (number !== undefined) {
    const found = ports.find(({ port }) => port === number);
    if (!found) throw newServiceUnavailable(`no service port ${number} found for service ${JSON.stringify(name)}`);
    portName = found.name ?? '';
  }
  const candidates: { ip: string; port: number }[] = [];
  for (const slice of reader.list('endpointslices.discovery.k8s.io', namespace)) {
    if (slice.metadata.labels?.['kubernetes.io/service-name'] !== name) continue;
    const port = (slice['ports'] ?? []).find((candidate: ServicePort) => (candidate.name ?? '') === portName);
    if (!port) continue;
    for (const endpoint of slice['endpoints'] ?? []) {
      if (endpoint.conditions?.ready === false) continue;
      for (const ip of endpoint.addresses) candidates.push({ ip, port: port.port });
    }
  }
  if (candidates.length === 0)
    throw newServiceUnavailable(`no endpoints available for service ${JSON.stringify(name)}`);
  return prng.pick(candidates);
}
