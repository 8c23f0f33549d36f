/**
 * A gRPC client of one address on node:http2: one connection, made when a call needs it and again when it was lost.
 * The connection keeps the process alive only while calls are open.
 */
import type { ClientHttp2Session, OutgoingHttpHeaders } from 'node:http2';
import { type Timer, wallClock } from '../base/index.ts';
import { ClientStream } from './client-stream.ts';
import { connect } from './connect.ts';
import type { MessageInput } from './descriptor.ts';
import type { Method } from './service.ts';
import { formatTimeout, GrpcError, grpcCode } from './status.ts';
import type { TlsOptions } from './tls.ts';

export interface ChannelOptions {
  readonly tls?: TlsOptions;
  /** `user-agent`. Default `klab`. */
  readonly userAgent?: string;
  /** How long a connection may take. Default 5 s. */
  readonly connectTimeoutMs?: number;
  /** While calls are open, a ping this often. Default 30 s, as the API server's etcd client. */
  readonly keepaliveMs?: number;
  /** How long its answer may take before the connection counts as lost. Default 10 s. */
  readonly keepaliveTimeoutMs?: number;
  /** Largest response message. Default 2^31−1, as etcd's client. */
  readonly maxReceiveBytes?: number;
}

export interface CallContext {
  readonly signal?: AbortSignal;
  /** Default none. */
  readonly timeoutMs?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

interface Connection {
  readonly session: ClientHttp2Session;
  /** Calls that are open on it. */
  open: number;
  /** Runs while calls are open. */
  keepalive?: Timer | undefined;
}

/** `http://host:port`, `https://host:port`, `host:port` (TLS when `tls` is given) or `unix:/path`. */
export class GrpcChannel {
  readonly target: string;
  readonly #options: ChannelOptions;
  #connecting: Promise<Connection> | undefined;
  #connection: Connection | undefined;
  #closed = false;

  constructor(target: string, options: ChannelOptions = {}) {
    this.target = target;
    this.#options = options;
  }

  /** One request, one response. Throws GrpcError. */
  async unary<Req, Res>(method: Method<Req, Res>, request: MessageInput<Req>, context: CallContext = {}): Promise<Res> {
    const stream = await this.open(method, context);
    stream.end(request);
    return stream.only();
  }

  /** A streaming call. Throws GrpcError (Unavailable, `unsent`) when no connection can be made. */
  async open<Req, Res>(method: Method<Req, Res>, context: CallContext = {}): Promise<ClientStream<Req, Res>> {
    context.signal?.throwIfAborted();
    return this.#start(this.#connection ?? (await this.#connect()), method, context);
  }

  /** Ends the connection; open calls fail with Unavailable. */
  close(): void {
    this.#closed = true;
    this.#connection?.session.destroy();
  }

  #start<Req, Res>(connection: Connection, method: Method<Req, Res>, context: CallContext): ClientStream<Req, Res> {
    const { session } = connection;
    const headers: OutgoingHttpHeaders = {
      ':method': 'POST',
      ':path': method.path,
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': this.#options.userAgent ?? 'klab',
      ...context.metadata,
    };
    if (context.timeoutMs !== undefined) headers['grpc-timeout'] = formatTimeout(context.timeoutMs);
    if (connection.open++ === 0) {
      session.ref();
      this.#keepAlive(connection);
    }
    const http = session.request(headers);
    http.once('close', () => {
      if (--connection.open > 0) return;
      connection.keepalive?.cancel();
      connection.keepalive = undefined;
      if (!session.destroyed) session.unref();
    });
    return new ClientStream(http, method, {
      signal: context.signal,
      timeoutMs: context.timeoutMs,
      maxReceiveBytes: this.#options.maxReceiveBytes ?? 2 ** 31 - 1,
    });
  }

  #connect(): Promise<Connection> {
    this.#connecting ??= this.#dial().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #dial(): Promise<Connection> {
    const { connectTimeoutMs = 5000, tls } = this.#options;
    const session = this.#closed ? undefined : await connect(this.target, { tls, connectTimeoutMs });
    if (this.#closed || !session) {
      session?.destroy();
      throw new GrpcError(grpcCode.cancelled, 'grpc: the client connection is closing', { unsent: true });
    }
    const connection: Connection = { session, open: 0 };
    this.#connection = connection;
    const forget = () => {
      if (this.#connection === connection) this.#connection = undefined;
    };
    session.once('close', forget);
    session.once('goaway', forget);
    session.unref();
    return connection;
  }

  /** Pings while calls are open; a connection that does not answer is destroyed. */
  #keepAlive(connection: Connection): void {
    const { keepaliveMs = 30_000, keepaliveTimeoutMs = 10_000 } = this.#options;
    const { session } = connection;
    connection.keepalive = wallClock.schedule(keepaliveMs, () => {
      const lost = wallClock.schedule(keepaliveTimeoutMs, () => session.destroy());
      connection.keepalive = lost;
      session.ping(() => {
        lost.cancel();
        if (connection.keepalive === lost) this.#keepAlive(connection);
      });
    });
  }
}
