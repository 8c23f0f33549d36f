/**
 * A gRPC client of one address on node:http2: one connection, made when a call needs it and again when it was lost.
 * The connection keeps the process alive only while calls are open.
 */
import type { ClientHttp2Session, OutgoingHttpHeaders } from 'node:http2';
import { type Timer, wallClock } from '../base/index.ts';
import { ClientStream } from './client-stream.ts';
import type { MessageInput } from './descriptor.ts';
import type { Method } from './service.ts';
import { formatTimeout, GrpcError, grpcCode } from './status.ts';
import { loadTls, type TlsOptions } from './tls.ts';

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

/** `http://host:port`, `https://host:port`, `host:port` (TLS when `tls` is given) or `unix:/path`. */
export class GrpcChannel {
  readonly target: string;
  readonly #options: ChannelOptions;
  #connecting: Promise<ClientHttp2Session> | undefined;
  #session: ClientHttp2Session | undefined;
  #open = 0;
  #closed = false;

  constructor(target: string, options: ChannelOptions = {}) {
    this.target = target;
    this.#options = options;
  }

  /** One request, one response. Throws GrpcError. */
  async unary<Req, Res>(method: Method<Req, Res>, request: MessageInput<Req>, context: CallContext = {}): Promise<Res> {
    const stream = this.#session ? this.#start(this.#session, method, context) : await this.open(method, context);
    stream.end(request);
    return stream.only();
  }

  /** A streaming call. Throws GrpcError (Unavailable, `unsent`) when no connection can be made. */
  async open<Req, Res>(method: Method<Req, Res>, context: CallContext = {}): Promise<ClientStream<Req, Res>> {
    context.signal?.throwIfAborted();
    return this.#start(this.#session ?? (await this.#connect()), method, context);
  }

  /** Ends the connection; open calls fail with Unavailable. */
  close(): void {
    this.#closed = true;
    this.#session?.destroy();
  }

  #start<Req, Res>(
    session: ClientHttp2Session,
    method: Method<Req, Res>,
    context: CallContext,
  ): ClientStream<Req, Res> {
    const headers: OutgoingHttpHeaders = {
      ':method': 'POST',
      ':path': method.path,
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': this.#options.userAgent ?? 'klab',
      ...context.metadata,
    };
    if (context.timeoutMs !== undefined) headers['grpc-timeout'] = formatTimeout(context.timeoutMs);
    if (this.#open++ === 0) session.ref();
    const http = session.request(headers);
    http.once('close', () => {
      if (--this.#open === 0 && !session.destroyed) session.unref();
    });
    return new ClientStream(http, method, {
      signal: context.signal,
      timeoutMs: context.timeoutMs,
      maxReceiveBytes: this.#options.maxReceiveBytes ?? 2 ** 31 - 1,
    });
  }

  #connect(): Promise<ClientHttp2Session> {
    if (this.#closed)
      throw new GrpcError(grpcCode.cancelled, 'grpc: the client connection is closing', { unsent: true });
    this.#connecting ??= this.#dial().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #dial(): Promise<ClientHttp2Session> {
    const [http2, net, tlsModule] = await Promise.all([import('node:http2'), import('node:net'), import('node:tls')]);
    const { connectTimeoutMs = 5000, tls } = this.#options;
    const { unixPath, host, port, secure } = parseTarget(this.target, tls !== undefined);
    const authority = unixPath ? 'http://localhost' : `${secure ? 'https' : 'http'}://${host}:${port}`;
    const bareHost = host.replace(/^\[|\]$/g, '');
    const session = http2.connect(authority, {
      settings: { initialWindowSize: 4 << 20, enablePush: false },
      maxSessionMemory: 1024,
      createConnection: () => {
        if (unixPath) return net.connect(unixPath);
        if (!secure) return net.connect(port, bareHost);
        return tlsModule.connect({
          host: bareHost,
          port,
          servername: tls?.serverName ?? (net.isIP(bareHost) ? '' : bareHost),
          ALPNProtocols: ['h2'],
          rejectUnauthorized: !tls?.insecureSkipVerify,
          ...(tls ? loadTls(tls) : {}),
        });
      },
    });
    await new Promise<void>((resolve, reject) => {
      const fail = (reason: string, cause?: unknown) => {
        timer.cancel();
        reject(
          new GrpcError(grpcCode.unavailable, `connection error: desc = "transport: ${reason}"`, {
            cause,
            unsent: true,
          }),
        );
        session.destroy();
      };
      const timer = wallClock.schedule(connectTimeoutMs, () => fail(`dial ${this.target}: i/o timeout`));
      session.on('error', (error) => fail(`Error while dialing: ${error.message}`, error));
      session.once('close', () => fail('closed before it was ready'));
      // Not 'connect': only a server that speaks HTTP/2 sends settings.
      session.once('remoteSettings', () => {
        timer.cancel();
        session.removeAllListeners('close');
        resolve();
      });
    });
    session.removeAllListeners('error');
    // Reported through the calls that are open.
    session.on('error', () => {});
    session.setLocalWindowSize(16 << 20);
    this.#adopt(session);
    return session;
  }

  #adopt(session: ClientHttp2Session): void {
    if (this.#closed) {
      session.destroy();
      throw new GrpcError(grpcCode.cancelled, 'grpc: the client connection is closing', { unsent: true });
    }
    this.#session = session;
    this.#open = 0;
    const forget = () => {
      keepalive.cancel();
      if (this.#session === session) this.#session = undefined;
    };
    const keepalive = this.#keepAlive(session);
    session.once('close', forget);
    session.once('goaway', forget);
    session.unref();
  }

  /** Pings while calls are open; a connection that does not answer is destroyed. */
  #keepAlive(session: ClientHttp2Session): Timer {
    const { keepaliveMs = 30_000, keepaliveTimeoutMs = 10_000 } = this.#options;
    let timer: Timer;
    const next = () => {
      timer = wallClock.schedule(keepaliveMs, () => {
        if (session.destroyed) return;
        if (this.#open === 0) return next();
        timer = wallClock.schedule(keepaliveTimeoutMs, () => session.destroy());
        session.ping(() => {
          timer.cancel();
          next();
        });
      });
    };
    next();
    return { cancel: () => timer.cancel() };
  }
}

function parseTarget(target: string, tls: boolean): { unixPath?: string; host: string; port: number; secure: boolean } {
  if (target.startsWith('unix:')) {
    return { unixPath: target.replace(/^unix:(\/\/)?/, ''), host: '', port: 0, secure: false };
  }
  const secure = target.startsWith('https://') || (tls && !target.startsWith('http://'));
  const match = /^(?:https?:\/\/)?(\[[0-9a-fA-F:.]+\]|[^/:]+):(\d+)\/?$/.exec(target);
  if (!match) {
    throw new GrpcError(grpcCode.invalidArgument, `not an address: ${JSON.stringify(target)}; use host:port`, {
      unsent: true,
    });
  }
  return { host: match[1]!, port: Number(match[2]), secure };
}
