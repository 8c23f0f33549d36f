/** A whole API server in process, on a virtual clock and a store in memory, with the controllers of definitions running. */
import { builtinResources, loadBuiltinSchema, OpenApiDocumentBuilder } from '../../../src/api/index.ts';
import {
  ApiServer,
  type InProcessRequest,
  type InProcessTransport,
  inProcessHandler,
  newServerParts,
} from '../../../src/apiserver/index.ts';
import { Prng, silentLogger, VirtualClock, yieldToEventLoop } from '../../../src/base/index.ts';
import { MemoryKV } from '../memory-kv.ts';

const schemas = loadBuiltinSchema();
export const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

export class Lab {
  readonly kv: MemoryKV;
  readonly clock: VirtualClock;
  readonly server: ApiServer;
  readonly client: InProcessTransport;

  private constructor(kv: MemoryKV, clock: VirtualClock, server: ApiServer) {
    this.kv = kv;
    this.clock = clock;
    this.server = server;
    this.client = inProcessHandler(server, {
      user: { name: 'tester', groups: ['system:masters'] },
      agent: 'tests/1.0',
    });
  }

  static async start(kv = new MemoryKV(), clock = new VirtualClock({ startMs: Date.UTC(2026, 0, 1) })): Promise<Lab> {
    const server = await ApiServer.start(
      {
        kv,
        clock,
        prng: new Prng('custom'),
        log: silentLogger,
        parts: (core) =>
          newServerParts(core, {
            version: '0.0.0',
            wallClock: clock,
            openApi: ({ served }) => new OpenApiDocumentBuilder({ definitions: () => served.definitions(), schemas }),
          }),
      },
      { definitions: builtinResources, schemas, compaction: { intervalMs: 0 } },
    );
    return new Lab(kv, clock, server);
  }

  close(): Promise<void> {
    return this.server.close();
  }

  async send(request: InProcessRequest): Promise<any> {
    return (await this.client.request(request)).body;
  }

  /** Bytes of an answer that is no object. */
  async text(path: string): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of await this.client.stream({ method: 'GET', path })) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  get(path: string, query: Record<string, string> = {}): Promise<any> {
    return this.send({ method: 'GET', path, query });
  }

  post(path: string, body: object, query: Record<string, string> = {}): Promise<any> {
    return this.send({ method: 'POST', path, body: structuredClone(body), query });
  }

  put(path: string, body: object): Promise<any> {
    return this.send({ method: 'PUT', path, body: structuredClone(body) });
  }

  merge(path: string, body: object, query: Record<string, string> = {}): Promise<any> {
    const contentType = 'application/merge-patch+json';
    return this.send({ method: 'PATCH', path, body: structuredClone(body), contentType, query });
  }

  apply(path: string, body: object, fieldManager: string, query: Record<string, string> = {}): Promise<any> {
    const contentType = 'application/apply-patch+yaml';
    return this.send({
      method: 'PATCH',
      path,
      body: structuredClone(body),
      contentType,
      query: { ...query, fieldManager },
    });
  }

  delete(path: string, body?: object): Promise<any> {
    return this.send({ method: 'DELETE', path, ...(body ? { body } : {}) });
  }

  /** Message of the refusal. */
  async refusal(request: Promise<unknown>): Promise<string> {
    return request.then(
      () => 'accepted',
      (error: Error) => error.message,
    );
  }

  /** Lets everything happen that needs no time to pass. */
  async until<T>(read: () => T | Promise<T>, done: (value: T) => boolean): Promise<T> {
    let value = await read();
    for (let turn = 0; turn < 2000; turn++) {
      if (done(value)) return value;
      await yieldToEventLoop();
      value = await read();
    }
    throw new Error(`it did not happen; last seen: ${JSON.stringify(value)}`);
  }

  definition(name: string): Promise<any> {
    return this.get(`${definitions}/${name}`).catch((error) => {
      if (error.code === 404) return undefined;
      throw error;
    });
  }

  condition(crd: any, type: string): any {
    return crd?.status?.conditions?.find((condition: { type: string }) => condition.type === type);
  }

  /** Creates a definition and waits until it is established. */
  async define(crd: any): Promise<any> {
    await this.post(definitions, crd);
    const { name } = crd.metadata;
    return this.until(
      () => this.definition(name),
      (seen) => this.condition(seen, 'Established')?.status === 'True',
    );
  }
}

export const anyObject = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

export function version(name: string, more: object = {}): object {
  return { name, served: true, storage: name === 'v1', schema: { openAPIV3Schema: anyObject }, ...more };
}

/** `Widget` of `example.com` unless told otherwise. */
export function crd(
  more: { names?: object; versions?: object[]; group?: string; scope?: string; metadata?: object } = {},
): any {
  const { group = 'example.com', scope = 'Namespaced', versions = [version('v1')] } = more;
  const names: any = { plural: 'widgets', kind: 'Widget', ...more.names };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${names.plural}.${group}`, ...more.metadata },
    spec: { group, scope, names, versions },
  };
}

export const widgets = '/apis/example.com/v1/namespaces/default/widgets';
export const widget = (name: string, more: object = {}) => ({
  apiVersion: 'example.com/v1',
  kind: 'Widget',
  metadata: { name },
  ...more,
});
