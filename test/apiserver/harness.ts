/** A server with everybody allowed and no admission, on a store in memory: for tests of what lies below the filters. */
import { builtinResources, loadBuiltinSchema } from '../../src/api/index.ts';
import { buildChain } from '../../src/apiserver/filters/chain.ts';
import { type InProcessTransport, inProcessHandler } from '../../src/apiserver/in-process.ts';
import { ApiServer, type ApiServerDeps, type ApiServerOptions } from '../../src/apiserver/server.ts';
import type { ServerParts } from '../../src/apiserver/types.ts';
import { Prng, silentLogger, VirtualClock } from '../../src/base/index.ts';
import type { KV } from '../../src/etcd/index.ts';
import { MemoryKV } from './memory-kv.ts';

export const schemas = loadBuiltinSchema();

export interface Harness<Store extends KV = MemoryKV> {
  readonly kv: Store;
  readonly clock: VirtualClock;
  readonly server: ApiServer;
  readonly client: InProcessTransport;
  get(path: string, query?: Record<string, string>): Promise<any>;
  post(path: string, body: object, query?: Record<string, string>): Promise<any>;
  put(path: string, body: object, query?: Record<string, string>): Promise<any>;
  patch(path: string, body: unknown, type?: string, query?: Record<string, string>): Promise<any>;
  delete(path: string, body?: object): Promise<any>;
  close(): Promise<void>;
}

export interface HarnessOptions {
  readonly parts?: Partial<ServerParts>;
  readonly deps?: Partial<ApiServerDeps>;
  readonly options?: Partial<ApiServerOptions>;
}

export function startHarness(more: HarnessOptions & { readonly kv?: MemoryKV } = {}): Promise<Harness> {
  return startOn(more.kv ?? new MemoryKV(), more);
}

export async function startOn<Store extends KV>(kv: Store, more: HarnessOptions = {}): Promise<Harness<Store>> {
  const clock = new VirtualClock({ startMs: Date.UTC(2026, 0, 1) });
  const server = await ApiServer.start(
    {
      kv,
      clock,
      prng: new Prng('test'),
      log: silentLogger,
      parts: () => ({
        admission: { admit: async () => {}, validate: async () => {} },
        hooks: new Map(),
        virtual: new Map(),
        chain: (resources) =>
          buildChain({
            authenticator: { authenticate: (request) => request.user },
            authorizer: { authorize: () => ({ decision: 'allow', reason: '' }) },
            resources,
            nonResource: async () => {
              throw new Error('not served here');
            },
            clock,
            wallClock: clock,
            log: silentLogger,
          }),
        ...more.parts,
      }),
      ...more.deps,
    },
    { definitions: builtinResources, schemas, compaction: { intervalMs: 0 }, ...more.options },
  );
  const client = inProcessHandler(server, {
    user: { name: 'tester', groups: ['system:masters'] },
    agent: 'tests/1.0',
  });
  const send = async (request: Parameters<InProcessTransport['request']>[0]) => (await client.request(request)).body;
  return {
    kv,
    clock,
    server,
    client,
    get: (path, query = {}) => send({ method: 'GET', path, query }),
    post: (path, body, query = {}) => send({ method: 'POST', path, body, query }),
    put: (path, body, query = {}) => send({ method: 'PUT', path, body, query }),
    patch: (path, body, contentType = 'application/merge-patch+json', query = {}) =>
      send({ method: 'PATCH', path, body, contentType, query }),
    delete: (path, body) => send({ method: 'DELETE', path, ...(body ? { body } : {}) }),
    close: () => server.close(),
  };
}

export const configMaps = '/api/v1/namespaces/default/configmaps';
export const pods = '/api/v1/namespaces/default/pods';
export const deployments = '/apis/apps/v1/namespaces/default/deployments';

export function configMap(name: string, data: Record<string, string> = { a: '1' }, metadata: object = {}): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...metadata }, data };
}

export function pod(name: string, spec: object = {}, metadata: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, ...metadata },
    spec: { containers: [{ name: 'web', image: 'nginx:1.27' }], ...spec },
  };
}
