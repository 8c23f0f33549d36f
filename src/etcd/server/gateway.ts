/**
 * Etcd's JSON gateway: every method as `POST /v3/…`, streams as lines. Upstream: the google.api.http options of
 * rpc.proto, v3lock.proto, v3election.proto.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { GrpcError, type Method, type Peer, ServerCall, ServerStream } from '../../wire/index.ts';
import { electionService, lockService } from '../v3/concurrency.ts';
import { toGrpcError } from '../v3/errors.ts';
import * as v3 from '../v3/services.ts';
import { toJson } from './json.ts';
import { JsonMessageError, readMessages } from './json-read.ts';

const { kvService: kv, leaseService: lease, clusterService: cluster, maintenanceService, authService: auth } = v3;

const routes: Readonly<Record<string, Method<any, any>>> = {
  'kv/range': kv.range,
  'kv/put': kv.put,
  'kv/deleterange': kv.deleteRange,
  'kv/txn': kv.txn,
  'kv/compaction': kv.compact,
  'kv/lease/revoke': lease.revoke,
  'kv/lease/timetolive': lease.timeToLive,
  'kv/lease/leases': lease.leases,
  watch: v3.watchService.watch,
  'lease/grant': lease.grant,
  'lease/revoke': lease.revoke,
  'lease/keepalive': lease.keepAlive,
  'lease/timetolive': lease.timeToLive,
  'lease/leases': lease.leases,
  'cluster/member/list': cluster.memberList,
  'cluster/member/add': cluster.memberAdd,
  'cluster/member/remove': cluster.memberRemove,
  'cluster/member/update': cluster.memberUpdate,
  'cluster/member/promote': cluster.memberPromote,
  'maintenance/alarm': maintenanceService.alarm,
  'maintenance/status': maintenanceService.status,
  'maintenance/defragment': maintenanceService.defragment,
  // Two methods have this address; the one declared later answers.
  'maintenance/hash': maintenanceService.hashKV,
  'maintenance/snapshot': maintenanceService.snapshot,
  'maintenance/transfer-leadership': maintenanceService.moveLeader,
  'auth/enable': auth.authEnable,
  'auth/disable': auth.authDisable,
  'auth/status': auth.authStatus,
  'auth/authenticate': auth.authenticate,
  'auth/user/add': auth.userAdd,
  'auth/user/get': auth.userGet,
  'auth/user/list': auth.userList,
  'auth/user/delete': auth.userDelete,
  'auth/user/changepw': auth.userChangePassword,
  'auth/user/grant': auth.userGrantRole,
  'auth/user/revoke': auth.userRevokeRole,
  'auth/role/add': auth.roleAdd,
  'auth/role/get': auth.roleGet,
  'auth/role/list': auth.roleList,
  'auth/role/delete': auth.roleDelete,
  'auth/role/grant': auth.roleGrantPermission,
  'auth/role/revoke': auth.roleRevokePermission,
  'lock/lock': lockService.lock,
  'lock/unlock': lockService.unlock,
  'election/campaign': electionService.campaign,
  'election/proclaim': electionService.proclaim,
  'election/leader': electionService.leader,
  'election/observe': electionService.observe,
  'election/resign': electionService.resign,
};

/** grpc-gateway's HTTP status of each gRPC code. */
const httpStatus = [200, 408, 500, 400, 504, 404, 409, 403, 429, 412, 409, 400, 501, 500, 503, 500, 401];

/** As etcd's largest request, in base64. */
const maxBodyBytes = 3 * 1024 * 1024;

type AnyHandler = (request: any, call?: any) => any;

export class Gateway {
  readonly #handlers = new Map<Method<any, any>, AnyHandler>();

  /** The handlers that serve gRPC serve here. */
  add(service: Readonly<Record<string, Method<any, any>>>, handlers: Readonly<Record<string, unknown>>): void {
    for (const [key, method] of Object.entries(service)) {
      if (handlers[key]) this.#handlers.set(method, handlers[key] as AnyHandler);
    }
  }

  /** Answers a request below `/v3/`. */
  async serve(request: IncomingMessage, response: ServerResponse, peer: Peer): Promise<void> {
    const method = routes[new URL(request.url!, 'http://etcd').pathname.slice('/v3/'.length)];
    if (!method) return plain(response, 404, 'Not Found\n');
    if (request.method !== 'POST') return plain(response, 405, 'Method Not Allowed\n');
    let streaming: JsonStream | undefined;
    try {
      const handler = this.#handlers.get(method);
      if (!handler) throw new GrpcError(12, `method ${method.name} not implemented`);
      const messages = parse(method, await body(request));
      if (method.kind === 'unary') {
        // Absent fields become zeros on the way through the wire format, as gRPC has them.
        const answer = await handler(messages[0], new ServerCall(response, request.headers, peer));
        const decoded = method.response.decode(method.response.encode(answer));
        reply(response, 200, toJson(method.response, decoded));
        return;
      }
      streaming = new JsonStream(request, response, peer, method, messages);
      await handler(streaming);
      response.end();
    } catch (thrown) {
      const { code, message } = toGrpcError(thrown);
      const status = httpStatus[code] ?? 500;
      if (response.destroyed) return;
      if (streaming?.responding) {
        response.end(`${JSON.stringify({ error: { grpc_code: code, http_code: status, message } })}\n`);
      } else reply(response, status, { error: message, message, code });
    }
  }
}

/** One message, or several one after the other for a method that takes a stream. */
function parse(method: Method<any, any>, text: string): unknown[] {
  const type = method.request;
  try {
    return readMessages(type, text, method.clientStreaming).map((read) => type.decode(type.encode(read)));
  } catch (error) {
    if (!(error instanceof JsonMessageError)) throw error;
    throw new GrpcError(method.clientStreaming ? 2 : 3, error.message);
  }
}

async function body(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBodyBytes) throw new GrpcError(3, 'etcdserver: request is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function reply(response: ServerResponse, status: number, json: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(json));
}

export function plain(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(text);
}

/** A stream whose answers are lines of JSON, and whose requests were all in the body. */
class JsonStream extends ServerStream<any, any> {
  readonly #response: ServerResponse;
  readonly #messages: readonly unknown[];
  readonly #type: Method<any, any>;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    peer: Peer,
    method: Method<any, any>,
    messages: readonly unknown[],
  ) {
    super(response, request.headers, peer);
    this.#response = response;
    this.#messages = messages;
    this.#type = method;
  }

  get responding(): boolean {
    return this.#response.headersSent;
  }

  get gone(): boolean {
    return this.#response.destroyed || this.#response.writableEnded;
  }

  /** A watch goes on until its reader leaves; everything else is over with its last request. */
  async *requests(): AsyncGenerator<any, void, void> {
    yield* this.#messages;
    if (this.#type !== v3.watchService.watch || this.gone) return;
    await new Promise<void>((resolve) => this.#response.once('close', () => resolve()));
  }

  start(): void {
    if (this.responding || this.gone) return;
    this.#response.writeHead(200, { 'content-type': 'application/json' });
    this.#response.flushHeaders();
  }

  write(message: object): boolean {
    if (this.gone) return true;
    this.start();
    const { response } = this.#type;
    const result = toJson(response, response.decode(response.encode(message)) as Record<string, unknown>);
    return this.#response.write(`${JSON.stringify({ result })}\n`);
  }

  async drained(): Promise<void> {
    if (this.gone || !this.#response.writableNeedDrain) return;
    await new Promise<void>((resolve) => {
      this.#response.once('drain', resolve);
      this.#response.once('close', resolve);
    });
  }
}
