import type { X509Certificate } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { type Timer, wallClock } from '../base/index.ts';
import { ByteQueue } from './byte-stream.ts';
import type { MessageInput } from './descriptor.ts';
import { FrameParser, frameOf } from './frame.ts';
import { encodeFields } from './http2/hpack.ts';
import type { Http2Stream } from './http2/stream.ts';
import type { Method } from './service.ts';
import { GrpcError, grpcCode, parseTimeout } from './status.ts';

/** Of every answer that has a message. */
export const okHeaders = encodeFields([
  [':status', '200'],
  ['content-type', 'application/grpc'],
]);

/** The other end of a connection. */
export interface Peer {
  /** IP address; empty on a unix socket. */
  readonly address: string;
  readonly port: number;
  /** The client's verified certificate, when it showed one. */
  readonly certificate: X509Certificate | undefined;
}

/** What a call needs of what carries it: an HTTP/2 stream, or an HTTP/1.1 response. */
export interface CallTransport {
  readonly destroyed: boolean;
  readonly writableEnded: boolean;
  readonly rstCode?: number;
  once(event: 'close', listener: () => void): unknown;
}

/** What a handler knows of its call. */
export class ServerCall {
  readonly metadata: IncomingHttpHeaders;
  readonly peer: Peer;
  protected readonly http: CallTransport;
  #abort: AbortController | undefined;

  constructor(http: CallTransport, metadata: IncomingHttpHeaders, peer: Peer) {
    this.http = http;
    this.metadata = metadata;
    this.peer = peer;
  }

  /** Aborted when the client leaves or its deadline passes. Made on first use: most calls end before anybody asks. */
  get signal(): AbortSignal {
    if (!this.#abort) {
      const abort = new AbortController();
      this.#abort = abort;
      const timeoutMs = parseTimeout(this.metadata['grpc-timeout'] as string | undefined);
      let timer: Timer | undefined;
      if (timeoutMs !== undefined) {
        const late = new GrpcError(grpcCode.deadlineExceeded, 'context deadline exceeded');
        timer = wallClock.schedule(timeoutMs, () => abort.abort(late));
      }
      const onClose = () => {
        timer?.cancel();
        // Answered and done: nobody waits, and an error with its stack is not free.
        if (this.http.writableEnded && !this.http.rstCode) return;
        abort.abort(new GrpcError(grpcCode.cancelled, 'context canceled'));
      };
      if (this.http.destroyed) onClose();
      else this.http.once('close', onClose);
    }
    return this.#abort.signal;
  }
}

/** A call that streams in at least one direction. */
export abstract class ServerStream<Req, Res> extends ServerCall {
  /** Whether response headers have been sent, so that a status must go into trailers. */
  abstract get responding(): boolean;
  /** True when the client has left. */
  abstract get gone(): boolean;
  /** The client's messages; ends when it has sent its last. Throws Canceled when it left without saying so. */
  abstract requests(): AsyncGenerator<Req, void, void>;
  /** Sends the response headers now, as a server does that has nothing to say yet. */
  abstract start(): void;
  /** Queues a message. False: what is queued should drain before more is written. */
  abstract write(message: MessageInput<Res>): boolean;
  /** Waits until what is queued has been sent (or the client has left). */
  abstract drained(): Promise<void>;
}

/** On a stream of HTTP/2. */
export class Http2ServerStream<Req, Res> extends ServerStream<Req, Res> {
  declare protected readonly http: Http2Stream;
  readonly #method: Method<Req, Res>;
  readonly #maxReceiveBytes: number;
  readonly #incoming: ByteQueue;

  constructor(http: Http2Stream, peer: Peer, method: Method<Req, Res>, maxReceiveBytes: number) {
    super(http, http.headers, peer);
    this.#method = method;
    this.#maxReceiveBytes = maxReceiveBytes;
    const incoming = new ByteQueue(undefined, (bytes) => http.consumed(bytes));
    this.#incoming = incoming;
    http.onData = (chunk) => void incoming.push(chunk);
    http.onEnd = () => incoming.end();
    http.once('close', () => incoming.end());
  }

  get responding(): boolean {
    return this.http.headersSent;
  }

  get gone(): boolean {
    return this.http.destroyed;
  }

  async *requests(): AsyncGenerator<Req, void, void> {
    const parser = new FrameParser(this.#maxReceiveBytes);
    for await (const chunk of this.#incoming) {
      for (const bytes of parser.push(chunk)) yield this.#decode(bytes);
    }
    if (!this.http.requestEnded) throw new GrpcError(grpcCode.cancelled, 'context canceled');
  }

  #decode(bytes: Uint8Array): Req {
    try {
      return this.#method.request.decode(bytes);
    } catch (error) {
      const reason = `grpc: error unmarshalling request: ${(error as Error).message}`;
      throw new GrpcError(grpcCode.internal, reason, { cause: error });
    }
  }

  start(): void {
    this.http.respond(okHeaders);
  }

  write(message: MessageInput<Res>): boolean {
    if (this.gone) return true;
    this.start();
    const { bytes, release } = frameOf(this.#method.response, message);
    return this.http.write(bytes, release);
  }

  drained(): Promise<void> {
    return this.http.drained();
  }

  /** Ends the call with these trailers. For the server. */
  finish(trailers: Buffer): void {
    this.start();
    this.http.end(trailers);
  }
}
