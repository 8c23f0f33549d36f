import type { IncomingHttpHeaders } from 'node:http';
import { type Http2Code, http2Code } from './errors.ts';

/** Bytes a stream keeps for its client before `write` says no. */
const highWater = 128 * 1024;

/** What a stream needs of its connection. */
export interface StreamHost {
  /** A header block for this stream, now. */
  sendHeaders(stream: Http2Stream, block: Buffer, endStream: boolean): void;
  sendReset(stream: Http2Stream, code: Http2Code): void;
  /** The stream has data, or its end, to send. */
  ready(stream: Http2Stream): void;
  /** Both halves are over. */
  forget(stream: Http2Stream): void;
  /** The client may send this much more on the stream. */
  sendWindow(stream: Http2Stream, bytes: number): void;
  /** Calls back once what was taken so far is copied, or will not be sent. */
  afterWrite(callback: () => void): void;
}

/**
 * A request and its answer, as a server has them. Its reader sets `onData` and `onEnd` when it gets the stream, and says by
 * `consumed` what it has taken: the client may send as much again.
 */
export class Http2Stream {
  readonly id: number;
  readonly headers: IncomingHttpHeaders;
  onData: (chunk: Uint8Array) => void = () => {};
  /** The client has sent all. */
  onEnd: () => void = () => {};
  /** Why it was cut off, by either side. */
  rstCode: Http2Code | undefined;
  /** Bytes that may be sent, by the client's word; below 0 when it took some of it back. */
  sendWindow: number;
  /** Bytes the client may send. */
  receiveWindow: number;
  readonly #host: StreamHost;
  readonly #receiveMost: number;
  #unconsumed = 0;
  #chunks: Uint8Array[] = [];
  /** Of each chunk: who waits until it has been sent. */
  #releases: ((() => void) | undefined)[] = [];
  #queued = 0;
  #trailers: Buffer | undefined;
  #headersSent = false;
  #ended = false;
  #endSent = false;
  #received = false;
  #closed = false;
  #onClose: (() => void)[] = [];
  #onDrain: (() => void)[] = [];

  constructor(host: StreamHost, id: number, headers: IncomingHttpHeaders, sendWindow: number, receiveWindow: number) {
    this.#host = host;
    this.id = id;
    this.headers = headers;
    this.sendWindow = sendWindow;
    this.receiveWindow = receiveWindow;
    this.#receiveMost = receiveWindow;
  }

  /** Nothing goes in or out any more. */
  get destroyed(): boolean {
    return this.#closed;
  }

  get headersSent(): boolean {
    return this.#headersSent;
  }

  /** The answer is complete, though not all of it may have left. */
  get writableEnded(): boolean {
    return this.#ended;
  }

  /** The request is complete. */
  get requestEnded(): boolean {
    return this.#received;
  }

  get writableNeedDrain(): boolean {
    return this.#queued > highWater;
  }

  once(event: 'close' | 'drain', listener: () => void): this {
    if (event === 'drain') this.#onDrain.push(listener);
    else this.#onClose.push(listener);
    return this;
  }

  respond(block: Buffer, endStream = false): void {
    if (this.#closed || this.#headersSent) return;
    this.#headersSent = true;
    this.#host.sendHeaders(this, block, endStream);
    if (endStream) {
      this.#ended = true;
      this.sent();
    }
  }

  /** Queues bytes of the body; `release` is called when they may change. False: wait for `drained` before more. */
  write(chunk: Uint8Array, release?: () => void): boolean {
    if (this.#closed || this.#ended) {
      release?.();
      return true;
    }
    this.#chunks.push(chunk);
    this.#releases.push(release);
    this.#queued += chunk.length;
    this.#host.ready(this);
    return !this.writableNeedDrain;
  }

  /** The body is complete; a header block of trailers follows it. */
  end(trailers?: Buffer): void {
    if (this.#closed || this.#ended) return;
    this.#ended = true;
    this.#trailers = trailers;
    this.#host.ready(this);
  }

  /** Resolves when there is room again, or nobody to write to. */
  async drained(): Promise<void> {
    if (this.#closed || !this.writableNeedDrain) return;
    await new Promise<void>((resolve) => this.#onDrain.push(resolve));
  }

  reset(code: Http2Code): void {
    if (this.#closed) return;
    this.rstCode = code;
    this.#host.sendReset(this, code);
    this.close();
  }

  /** The reader has taken this many bytes. */
  consumed(bytes: number): void {
    this.#unconsumed += bytes;
    // Nothing more comes, or the window is still half open: a frame for it would be in vain.
    if (this.#closed || this.#received || this.#unconsumed * 2 < this.#receiveMost) return;
    this.receiveWindow += this.#unconsumed;
    this.#host.sendWindow(this, this.#unconsumed);
    this.#unconsumed = 0;
  }

  // For the connection.

  /** What is to be sent: the next bytes of the body, at most `most`. */
  take(most: number): Uint8Array | undefined {
    const first = this.#chunks[0];
    if (!first) return undefined;
    const taken = first.length <= most ? first : first.subarray(0, most);
    if (taken === first) {
      this.#chunks.shift();
      const release = this.#releases.shift();
      if (release) this.#host.afterWrite(release);
    } else this.#chunks[0] = first.subarray(most);
    this.#queued -= taken.length;
    if (this.#onDrain.length > 0 && this.#queued * 2 <= highWater) this.#release();
    return taken;
  }

  get hasData(): boolean {
    return this.#chunks.length > 0;
  }

  /** All of the body was taken, and its end was not sent. */
  get endPending(): boolean {
    return this.#ended && !this.#endSent && this.#chunks.length === 0;
  }

  get trailers(): Buffer | undefined {
    return this.#trailers;
  }

  /** The end of the answer has been sent. */
  sent(): void {
    this.#endSent = true;
    if (this.#received) this.close();
    // The answer does not depend on what the client still sends. RFC 9113, section 8.1.
    else this.reset(http2Code.noError);
  }

  received(): void {
    if (this.#received || this.#closed) return;
    this.#received = true;
    this.onEnd();
    if (this.#endSent) this.close();
  }

  /** Over, in whatever state. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#chunks = [];
    this.#queued = 0;
    this.#host.forget(this);
    const releases = this.#releases;
    this.#releases = [];
    for (const release of releases) if (release) this.#host.afterWrite(release);
    this.#release();
    const listeners = this.#onClose;
    this.#onClose = [];
    for (const listener of listeners) listener();
  }

  #release(): void {
    const waiting = this.#onDrain;
    this.#onDrain = [];
    for (const resume of waiting) resume();
  }
}
