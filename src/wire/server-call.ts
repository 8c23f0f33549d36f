import type { X509Certificate } from 'node:crypto';
import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { type Timer, wallClock } from '../base/index.ts';
import type { MessageInput } from './descriptor.ts';
import { FrameParser, finishFrame, frameHeaderBytes } from './frame.ts';
import type { Method } from './service.ts';
import { GrpcError, grpcCode, parseTimeout } from './status.ts';

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
export class ServerStream<Req, Res> extends ServerCall {
  declare protected readonly http: ServerHttp2Stream;
  readonly #method: Method<Req, Res>;
  readonly #maxReceiveBytes: number;
  #responding = false;
  #trailers: OutgoingHttpHeaders = {};

  constructor(
    http: ServerHttp2Stream,
    metadata: IncomingHttpHeaders,
    peer: Peer,
    method: Method<Req, Res>,
    maxReceiveBytes: number,
  ) {
    super(http, metadata, peer);
    this.#method = method;
    this.#maxReceiveBytes = maxReceiveBytes;
  }

  /** Whether response headers have been sent, so that a status must go into trailers. */
  get responding(): boolean {
    return this.#responding;
  }

  /** True when the client has left. */
  get gone(): boolean {
    return this.http.destroyed || this.http.closed;
  }

  /** The client's messages; ends when it has sent its last. Throws Canceled when it left without saying so. */
  async *requests(): AsyncGenerator<Req, void, void> {
    const parser = new FrameParser(this.#maxReceiveBytes);
    try {
      for await (const chunk of this.http.iterator({ destroyOnReturn: false })) {
        for (const bytes of parser.push(chunk as Uint8Array)) yield this.#method.request.decode(bytes);
      }
    } catch (error) {
      if (error instanceof GrpcError) throw error;
      if (this.http.destroyed) throw new GrpcError(grpcCode.cancelled, 'context canceled', { cause: error });
      throw new GrpcError(grpcCode.internal, `grpc: error unmarshalling request: ${(error as Error).message}`);
    }
  }

  /** Sends the response headers now, as a server does that has nothing to say yet. */
  start(): void {
    if (this.#responding || this.gone) return;
    this.#responding = true;
    this.http.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    this.http.on('wantTrailers', () => this.http.sendTrailers(this.#trailers));
  }

  /** Queues a message. False: what is queued should drain before more is written. */
  write(message: MessageInput<Res>): boolean {
    if (this.gone) return true;
    this.start();
    return this.http.write(finishFrame(this.#method.response.encodeWithPrefix(message, frameHeaderBytes)));
  }

  /** Waits until what is queued has been sent (or the client has left). */
  async drained(): Promise<void> {
    if (this.gone || !this.http.writableNeedDrain) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.http.off('drain', done);
        this.http.off('close', done);
        resolve();
      };
      this.http.on('drain', done);
      this.http.on('close', done);
    });
  }

  /** Ends the call with these trailers. For the server. */
  finish(trailers: OutgoingHttpHeaders): void {
    if (this.gone) return;
    this.start();
    this.#trailers = trailers;
    this.http.end();
  }
}
