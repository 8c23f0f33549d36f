/**
 * A gRPC server on HTTP/2 of this room (`http2/`). Neither @grpc/grpc-js nor node:http2: a third of the processor time of
 * a unary call, one write for each answer, and nothing to import at boot (the figures are in the README).
 * Protocol: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type Logger, silentLogger } from '../base/index.ts';
import type { Loan, MessageInput } from './descriptor.ts';
import { FrameParser, frameOf } from './frame.ts';
import { Http2Connection } from './http2/connection.ts';
import { encodeFields } from './http2/hpack.ts';
import { pageOf } from './http2/page.ts';
import type { Http2Stream } from './http2/stream.ts';
import { Http2ServerStream, okHeaders, type Peer, ServerCall, type ServerStream } from './server-call.ts';
import type { Method, ServiceDescriptor } from './service.ts';
import { encodeMessage, GrpcError, grpcCode } from './status.ts';
import { loadTls, type TlsOptions } from './tls.ts';

export type UnaryHandler<Req, Res> = (request: Req, call: ServerCall) => Promise<MessageInput<Res>> | MessageInput<Res>;
/** Every kind of streaming: read `requests`, `write` responses; returning ends the call with OK, throwing with a status. */
export type StreamHandler<Req, Res> = (stream: ServerStream<Req, Res>) => Promise<void>;

/** Handlers for some methods of a service; the others answer Unimplemented. */
export type Handlers<S extends ServiceDescriptor> = {
  readonly [K in keyof S]?: S[K] extends Method<infer Req, infer Res, infer Kind>
    ? Kind extends 'unary'
      ? UnaryHandler<Req, Res>
      : StreamHandler<Req, Res>
    : never;
};

export interface GrpcServerOptions {
  readonly log?: Logger;
  /** Largest request message. Default 4 MiB, grpc-go's. */
  readonly maxReceiveBytes?: number;
  /** Turns what a handler threw into a status. GrpcErrors never reach it. Default: Unknown with the error's message. */
  readonly toGrpcError?: (error: unknown) => GrpcError;
  /** Takes what is no gRPC, over HTTP/1.1 and HTTP/2. Without it HTTP/1.1 is not spoken and the rest answers 415. */
  readonly http?: (request: IncomingMessage, response: ServerResponse, peer: Peer) => void;
}

export type ListenOptions =
  | { readonly host: string; readonly port: number; readonly tls?: TlsOptions }
  | { readonly path: string };

type Registered = {
  readonly method: Method<any, any>;
  readonly unary: boolean;
  readonly handler: (...args: any[]) => any;
};

const okTrailers = encodeFields([['grpc-status', '0']]);
const unsupportedMedia = encodeFields([[':status', '415']]);

export class GrpcServer {
  readonly #log: Logger;
  readonly #maxReceiveBytes: number;
  readonly #toGrpcError: (error: unknown) => GrpcError;
  readonly #methods = new Map<string, Registered>();
  readonly #services = new Set<string>();
  readonly #connections = new Set<Http2Connection>();
  readonly #http: GrpcServerOptions['http'];
  readonly #sockets = new Set<Socket>();
  #http1: HttpServer | undefined;
  #server: Server | undefined;

  constructor(options: GrpcServerOptions = {}) {
    this.#log = options.log ?? silentLogger;
    this.#http = options.http;
    this.#maxReceiveBytes = options.maxReceiveBytes ?? 4 * 1024 * 1024;
    this.#toGrpcError =
      options.toGrpcError ??
      ((error) => new GrpcError(grpcCode.unknown, error instanceof Error ? error.message : `${error}`));
  }

  /** Before `listen`. A method without handler answers Unimplemented in grpc-go's words. */
  addService<S extends ServiceDescriptor>(service: S, handlers: Handlers<S>): this {
    for (const [key, method] of Object.entries(service)) {
      this.#services.add(method.path.slice(1, method.path.indexOf('/', 1)));
      const handler = (handlers[key] as Registered['handler'] | undefined) ?? notImplemented(method);
      this.#methods.set(method.path, { method, unary: method.kind === 'unary', handler });
    }
    return this;
  }

  /** Returns the port (0 for a unix socket). With `tls.ca` clients must show a certificate of that CA. */
  async listen(options: ListenOptions): Promise<number> {
    const tls = 'tls' in options ? options.tls : undefined;
    if (this.#http) {
      const { createServer } = await import('node:http');
      this.#http1 = createServer((request, response) => this.#http!(request, response, peerOf(request.socket)));
    }
    const server = tls ? await this.#secure(tls) : await this.#plain();
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(options, () => {
        server.off('error', reject);
        server.on('error', (error) => this.#log.error('gRPC server error', { error: error.message }));
        resolve();
      });
    });
    return 'port' in options ? (server.address() as AddressInfo).port : 0;
  }

  /** Stops listening and ends what is open: calls in flight see their connection close. */
  async close(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const connection of this.#connections) connection.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** The client says by ALPN which protocol comes; who says nothing speaks HTTP/1.1. */
  async #secure(tls: TlsOptions): Promise<Server> {
    const { createServer } = await import('node:tls');
    const server = createServer({
      ...loadTls(tls),
      minVersion: 'TLSv1.2',
      ALPNProtocols: this.#http1 ? ['h2', 'http/1.1'] : ['h2'],
      requestCert: tls.ca !== undefined,
      rejectUnauthorized: tls.ca !== undefined,
    });
    server.on('connection', (socket: Socket) => this.#track(socket));
    server.on('secureConnection', (socket) => {
      if (socket.alpnProtocol === 'h2') this.#serve(socket);
      else if (this.#http1) this.#http1.emit('connection', socket);
      else socket.destroy();
    });
    server.on('tlsClientError', (error: Error) => this.#log.debug('TLS handshake failed', { error: error.message }));
    return server;
  }

  /** Without TLS nothing says which protocol comes: the first bytes do. */
  async #plain(): Promise<Server> {
    const { createServer } = await import('node:net');
    return createServer((socket) => {
      this.#track(socket);
      if (!this.#http1) {
        this.#serve(socket);
        return;
      }
      socket.once('error', () => {});
      socket.once('readable', () => {
        const start = socket.read() as Buffer | null;
        if (start === null) return;
        socket.unshift(start);
        // Every HTTP/2 connection begins with `PRI * HTTP/2.0`; no method of HTTP/1.1 is called so.
        if (start.toString('latin1', 0, 3) === 'PRI') this.#serve(socket);
        else this.#http1!.emit('connection', socket);
      });
    });
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  #serve(socket: Socket): void {
    socket.setNoDelay(true);
    const peer = peerOf(socket);
    const connection = new Http2Connection(socket, {
      onStream: (stream) => this.#onStream(stream, peer),
      onError: (error) => this.#log.debug('a connection was ended', { error: error.message }),
    });
    this.#connections.add(connection);
    socket.once('close', () => this.#connections.delete(connection));
  }

  #onStream(stream: Http2Stream, peer: Peer): void {
    const { headers } = stream;
    const path = headers[':path'] as string;
    if (headers[':method'] !== 'POST' || !headers['content-type']?.startsWith('application/grpc')) {
      this.#noGrpc(stream, peer);
      return;
    }
    const registered = this.#methods.get(path);
    if (!registered) this.#fail(stream, this.#unknownMethod(path));
    else if (registered.unary) this.#unary(stream, registered, new ServerCall(stream, headers, peer));
    else void this.#stream(stream, registered, peer);
  }

  #noGrpc(stream: Http2Stream, peer: Peer): void {
    if (!this.#http) {
      stream.respond(unsupportedMedia, true);
      return;
    }
    const { request, response } = pageOf(stream);
    this.#http(request, response, peer);
  }

  #unary(stream: Http2Stream, { method, handler }: Registered, call: ServerCall): void {
    const parser = new FrameParser(this.#maxReceiveBytes);
    let request: Uint8Array | undefined;
    const onError = (error: unknown) => this.#fail(stream, error);
    stream.onData = (chunk) => {
      try {
        for (const found of parser.push(chunk)) {
          if (request) throw new GrpcError(grpcCode.internal, 'grpc: a unary call has one request message');
          request = found;
        }
        stream.consumed(chunk.length);
      } catch (error) {
        onError(error);
      }
    };
    stream.onEnd = () => {
      try {
        if (!request) throw new GrpcError(grpcCode.internal, 'grpc: the request ended before its message');
        const result = handler(decodeMessage(method, request), call);
        if (typeof result?.then === 'function')
          result.then((response: object) => respond(stream, method, response, onError), onError);
        else respond(stream, method, result, onError);
      } catch (error) {
        onError(error);
      }
    };
  }

  async #stream(stream: Http2Stream, { method, handler }: Registered, peer: Peer): Promise<void> {
    const call = new Http2ServerStream<any, any>(stream, peer, method, this.#maxReceiveBytes);
    try {
      await handler(call);
      call.finish(okTrailers);
    } catch (error) {
      this.#fail(stream, error);
    }
  }

  /** Ends a call with a status; nobody is told when the client has left. */
  #fail(stream: Http2Stream, thrown: unknown): void {
    if (stream.destroyed || stream.writableEnded) return;
    const error = thrown instanceof GrpcError ? thrown : this.#toGrpcError(thrown);
    const status = [
      ['grpc-status', String(error.code)],
      ['grpc-message', encodeMessage(error.message)],
    ] as const;
    if (stream.headersSent) stream.end(encodeFields(status));
    else stream.respond(encodeFields([[':status', '200'], ['content-type', 'application/grpc'], ...status]), true);
  }

  #unknownMethod(path: string): GrpcError {
    const slash = path.indexOf('/', 1);
    const service = path.slice(1, slash);
    const method = path.slice(slash + 1);
    const message = this.#services.has(service)
      ? `unknown method ${method} for service ${service}`
      : `unknown service ${service}`;
    return new GrpcError(grpcCode.unimplemented, message);
  }
}

/** One per connection: certificates are parsed once. */
const peerOf = (socket: Socket): Peer => ({
  address: socket.remoteAddress ?? '',
  port: socket.remotePort ?? 0,
  certificate: (socket as Partial<TLSSocket>).getPeerX509Certificate?.(),
});

const notImplemented = (method: Method<any, any>) => () => {
  throw new GrpcError(grpcCode.unimplemented, `method ${method.name} not implemented`);
};

function decodeMessage(method: Method<any, any>, bytes: Uint8Array): unknown {
  try {
    return method.request.decode(bytes);
  } catch (error) {
    throw new GrpcError(grpcCode.internal, `grpc: error unmarshalling request: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function respond(
  stream: Http2Stream,
  method: Method<any, any>,
  response: object,
  onError: (error: unknown) => void,
): void {
  if (stream.destroyed || stream.writableEnded) return;
  let framed: Loan;
  try {
    framed = frameOf(method.response, response);
  } catch (error) {
    onError(error);
    return;
  }
  stream.respond(okHeaders);
  stream.write(framed.bytes, framed.release);
  stream.end(okTrailers);
}
