import type { ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { type Timer, wallClock } from '../base/index.ts';
import type { MessageInput } from './descriptor.ts';
import { FrameParser, finishFrame, frameHeaderBytes } from './frame.ts';
import type { Method } from './service.ts';
import { decodeMessage, type GrpcCode, GrpcError, grpcCode } from './status.ts';

export interface ClientStreamOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  readonly maxReceiveBytes: number;
}

/** gRPC's mapping of HTTP statuses that come without a grpc-status. */
const codeOfHttp: Readonly<Record<number, GrpcCode>> = {
  400: grpcCode.internal,
  401: grpcCode.unauthenticated,
  403: grpcCode.permissionDenied,
  404: grpcCode.unimplemented,
  429: grpcCode.unavailable,
  502: grpcCode.unavailable,
  503: grpcCode.unavailable,
  504: grpcCode.unavailable,
};

/** RST_STREAM codes (RFC 9113, section 7). */
const refusedStream = 7;
const cancelStream = 8;

/** One call as its client sees it. Iterating it reads the responses; a status other than OK is thrown at the end. */
export class ClientStream<Req, Res> implements AsyncIterable<Res> {
  readonly #http: ClientHttp2Stream;
  readonly #method: Method<Req, Res>;
  readonly #parser: FrameParser;
  #messages: Uint8Array[] = [];
  #wake: (() => void) | undefined;
  #ended = false;
  #failure: unknown;
  #httpStatus = 200;
  #status: { code: number; message: string } | undefined;
  #timer: Timer | undefined;

  constructor(http: ClientHttp2Stream, method: Method<Req, Res>, options: ClientStreamOptions) {
    this.#http = http;
    this.#method = method;
    this.#parser = new FrameParser(options.maxReceiveBytes);
    http.on('response', (headers) => {
      this.#httpStatus = Number(headers[':status']);
      this.#readStatus(headers);
    });
    http.on('trailers', (headers: IncomingHttpHeaders) => this.#readStatus(headers));
    http.on('data', (chunk: Buffer) => this.#onData(chunk));
    http.on('end', () => this.#onEnd());
    http.on('error', (error) => this.#fail(this.#lost(error)));
    http.on('aborted', () => this.#fail(this.#lost()));
    const { signal, timeoutMs } = options;
    const onAbort = () => this.cancel(signal!.reason);
    http.on('close', () => {
      this.#timer?.cancel();
      signal?.removeEventListener('abort', onAbort);
      this.#fail(this.#lost());
    });
    if (timeoutMs !== undefined) {
      this.#timer = wallClock.schedule(timeoutMs, () =>
        this.cancel(new GrpcError(grpcCode.deadlineExceeded, 'context deadline exceeded')),
      );
    }
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  }

  /** Queues a request message. */
  write(message: MessageInput<Req>): void {
    if (this.#http.writable) this.#http.write(this.#frame(message));
  }

  /** No more requests, after this last one if given. */
  end(message?: MessageInput<Req>): void {
    if (!this.#http.writable) return;
    if (message === undefined) this.#http.end();
    else this.#http.end(this.#frame(message));
  }

  /** Ends the call; its reader gets `reason`, or the end when none is given. */
  cancel(reason?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = reason;
    this.#wakeUp();
    this.#http.close(cancelStream);
  }

  /** The next response, or undefined at the end. Throws GrpcError or the reason of the cancellation. */
  async next(): Promise<Res | undefined> {
    for (;;) {
      const bytes = this.#messages.shift();
      if (bytes) {
        if (this.#messages.length === 0 && this.#http.isPaused()) this.#http.resume();
        return this.#decode(bytes);
      }
      if (this.#ended) {
        if (this.#failure !== undefined) throw this.#failure;
        return undefined;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Res, void, void> {
    try {
      for (let message = await this.next(); message !== undefined; message = await this.next()) yield message;
    } finally {
      this.cancel();
    }
  }

  /** The single response of a unary call, once the status is known to be OK. */
  async only(): Promise<Res> {
    while (!this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#failure !== undefined) throw this.#failure;
    const bytes = this.#messages[0];
    if (!bytes) throw new GrpcError(grpcCode.internal, 'grpc: the response has no message');
    return this.#decode(bytes);
  }

  #frame(message: MessageInput<Req>): Uint8Array {
    return finishFrame(this.#method.request.encodeWithPrefix(message, frameHeaderBytes));
  }

  #decode(bytes: Uint8Array): Res {
    try {
      return this.#method.response.decode(bytes);
    } catch (error) {
      const reason = `grpc: failed to unmarshal the received message: ${(error as Error).message}`;
      const failure = new GrpcError(grpcCode.internal, reason, { cause: error });
      this.cancel(failure);
      throw failure;
    }
  }

  #onData(chunk: Uint8Array): void {
    if (this.#ended) return;
    try {
      const found = this.#parser.push(chunk);
      if (found.length === 0) return;
      for (const bytes of found) this.#messages.push(bytes);
    } catch (error) {
      this.cancel(error);
      return;
    }
    if (this.#method.serverStreaming) {
      // The window is the bound: what is not read is not acknowledged.
      if (this.#messages.length > 64) this.#http.pause();
      this.#wakeUp();
    }
  }

  #readStatus(headers: IncomingHttpHeaders): void {
    const code = headers['grpc-status'];
    if (code === undefined) return;
    this.#status = { code: Number(code), message: decodeMessage(String(headers['grpc-message'] ?? '')) };
  }

  #onEnd(): void {
    if (this.#ended) return;
    const status = this.#status;
    if (status) {
      if (status.code !== grpcCode.ok) this.#failure = new GrpcError(status.code as GrpcCode, status.message);
    } else {
      // Without trailers the stream was cut: 'close' follows and knows why.
      if (this.#httpStatus === 200) return;
      const code = codeOfHttp[this.#httpStatus] ?? grpcCode.unknown;
      this.#failure = new GrpcError(code, `unexpected HTTP status code received from server: ${this.#httpStatus}`);
    }
    this.#ended = true;
    this.#wakeUp();
  }

  #fail(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = error;
    this.#wakeUp();
  }

  #lost(cause?: Error): GrpcError {
    const unsent = this.#http.rstCode === refusedStream || this.#http.id === undefined;
    if (this.#status && this.#status.code !== grpcCode.ok) {
      return new GrpcError(this.#status.code as GrpcCode, this.#status.message);
    }
    return new GrpcError(grpcCode.unavailable, `error reading from server: ${cause?.message ?? 'EOF'}`, {
      cause,
      unsent,
    });
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
