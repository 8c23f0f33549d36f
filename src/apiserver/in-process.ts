/**
 * The door for components in the same process: requests carry objects instead of bytes, identity instead of
 * credentials. Structurally equal to the client room's Transport.
 */
import { type KubeObject, type Status, StatusError, type WatchEvent } from '../apimachinery/index.ts';
import type { Provenance } from '../etcd/index.ts';
import type { Dispatch, EncodedWatchEvent, ResponseBody, ServerRequest, UserInfo } from './types.ts';

/** One request as clients put it. Same shape as the client room's ApiRequest. */
export interface InProcessRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  /** Taken over: not to be changed afterwards. */
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: Provenance['cause'];
  readonly signal?: AbortSignal;
}

export interface InProcessTransport {
  /** `body`: shared read-only objects. Throws StatusError. */
  request(request: InProcessRequest): Promise<{ code: number; body: any; warnings: readonly string[] }>;
  watch(request: InProcessRequest): Promise<AsyncIterable<WatchEvent<KubeObject | Status>>>;
  stream(request: InProcessRequest): Promise<AsyncIterable<Uint8Array>>;
  close(): Promise<void>;
}

export interface InProcessIdentity {
  readonly user: UserInfo;
  /** Who the history names: `controller:deployment`. Default: derived from the user. */
  readonly actor?: string;
  /** As in User-Agent; also the default field manager: `kube-controller-manager`. */
  readonly agent?: string;
}

const neverAborted = new AbortController().signal;
const noWarnings: readonly string[] = Object.freeze([]);

/** A transport that calls `server` as `identity`, with authentication done and no bytes made. */
export function inProcessHandler(
  server: { readonly handle: Dispatch },
  identity: InProcessIdentity,
): InProcessTransport {
  const { user } = identity;
  const actor = identity.actor ?? `user:${user.name}`;
  const send = async (request: InProcessRequest, watch = false) => {
    const warnings: string[] = [];
    const response = await server.handle(toServerRequest(request, { ...identity, actor }, warnings, watch));
    return { response, warnings };
  };
  return {
    async request(request) {
      const { response, warnings } = await send(request);
      const body = contentOf(response.body);
      if (response.code >= 400) throw new StatusError(body as Status);
      return { code: response.code, body, warnings: warnings.length === 0 ? noWarnings : warnings };
    },
    async watch(request) {
      const { response } = await send(request, true);
      if (response.body.kind !== 'watch') throw new StatusError(contentOf(response.body) as Status);
      return plainEvents(response.body.events);
    },
    async stream(request) {
      const { response } = await send(request);
      const { body } = response;
      if (body.kind === 'stream') return body.chunks;
      return single(body.kind === 'bytes' ? body.bytes : Buffer.from(JSON.stringify(contentOf(body))));
    },
    async close() {},
  };
}

function toServerRequest(
  request: InProcessRequest,
  identity: InProcessIdentity & { readonly actor: string },
  warnings: string[],
  watch: boolean,
): ServerRequest {
  const query = new URLSearchParams();
  for (const name in request.query) {
    const value = request.query[name];
    if (value !== undefined) query.set(name, value);
  }
  if (watch) query.set('watch', 'true');
  const headers: Record<string, string | undefined> = {};
  for (const name in request.headers) headers[name.toLowerCase()] = request.headers[name];
  if (request.accept !== undefined) headers['accept'] = request.accept;
  if (request.contentType !== undefined) headers['content-type'] = request.contentType;
  if (identity.agent !== undefined) headers['user-agent'] ??= identity.agent;
  const agent = headers['user-agent'];
  return {
    method: request.method,
    path: request.path,
    query,
    headers,
    ...(request.body === undefined ? {} : { body: { object: request.body } }),
    signal: request.signal ?? neverAborted,
    user: identity.user,
    warnings,
    provenance: {
      actor: identity.actor,
      ...(agent === undefined ? {} : { agent }),
      ...(request.cause === undefined ? {} : { cause: request.cause }),
    },
  };
}

function contentOf(body: ResponseBody): unknown {
  switch (body.kind) {
    case 'object':
      return body.object;
    case 'list':
      return { ...body.head, [body.field ?? 'items']: body.items.map((item) => item.object) };
    case 'bytes': {
      const text = Buffer.from(body.bytes).toString('utf8');
      return body.contentType.startsWith('application/json') ? JSON.parse(text) : text;
    }
    default:
      throw new TypeError(`a ${body.kind} answer has no single content`);
  }
}

/** The same events without their encodings; one promise each, no generator in between. */
function plainEvents(events: AsyncIterable<EncodedWatchEvent>): AsyncIterable<WatchEvent<KubeObject | Status>> {
  return {
    [Symbol.asyncIterator]() {
      const source = events[Symbol.asyncIterator]();
      const plain = (result: IteratorResult<EncodedWatchEvent>): IteratorResult<WatchEvent<KubeObject | Status>> =>
        result.done ? { value: undefined, done: true } : { value: result.value.event, done: false };
      return {
        next: () => source.next().then(plain),
        return: async () => {
          await source.return?.();
          return { value: undefined, done: true };
        },
      };
    },
  };
}

async function* single(chunk: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  yield chunk;
}
