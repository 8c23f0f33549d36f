import type { Duplex } from 'node:stream';

/** Bytes in both directions. Reading ends at the peer's end of writing, or when the stream is destroyed; it never throws. */
export interface ByteStream extends AsyncIterable<Uint8Array> {
  /** Undefined: there is room for more. A promise resolves when there is again, or when the stream is closed. */
  write(bytes: Uint8Array): Promise<void> | undefined;
  /** No more writes. The other direction stays open. */
  end(): void;
  /** Both directions are over, at once. */
  destroy(): void;
}

/** A socket (or any Duplex) as ByteStream. `head`: bytes that were read from it already. */
export function socketByteStream(socket: Duplex, head?: Uint8Array): ByteStream {
  if (head && head.length > 0) socket.unshift(head);
  // A failed socket shows as the end of reading; without a listener Node would throw.
  socket.on('error', () => {});
  return {
    async *[Symbol.asyncIterator]() {
      try {
        for await (const chunk of socket.iterator({ destroyOnReturn: false })) yield chunk as Uint8Array;
      } catch {
        // Reset by the peer: the end.
      }
    },
    write(bytes) {
      if (socket.destroyed || socket.writableEnded || socket.write(bytes)) return undefined;
      return new Promise((resolve) => {
        const done = () => {
          socket.off('drain', done).off('close', done);
          resolve();
        };
        socket.on('drain', done).on('close', done);
      });
    },
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
  };
}

/**
 * Chunks between one writer and one reader, in order. The writer learns by the promise of `push` that `limit` bytes wait;
 * nothing is refused, so a writer that does not wait is only bounded by its own sources.
 */
export class ByteQueue implements AsyncIterable<Uint8Array> {
  readonly #limit: number;
  readonly #onTaken: ((bytes: number) => void) | undefined;
  #chunks: Uint8Array[] = [];
  #size = 0;
  #ended = false;
  #wakeReader: (() => void) | undefined;
  #wakeWriters: (() => void)[] = [];

  /** `onTaken` hears of every chunk the reader takes. */
  constructor(limit = 256 * 1024, onTaken?: (bytes: number) => void) {
    this.#limit = limit;
    this.#onTaken = onTaken;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Bytes that wait for the reader. */
  get size(): number {
    return this.#size;
  }

  /** After `end` chunks are dropped. */
  push(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#ended || chunk.length === 0) return undefined;
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    this.#wakeReader?.();
    if (this.#size <= this.#limit) return undefined;
    return new Promise((resolve) => this.#wakeWriters.push(resolve));
  }

  /** What waits is still read. */
  end(): void {
    this.#ended = true;
    this.#wakeReader?.();
    this.#release();
  }

  /** Nobody will read any more: what waits is dropped. */
  drop(): void {
    const dropped = this.#size;
    this.#chunks = [];
    this.#size = 0;
    if (dropped > 0) this.#onTaken?.(dropped);
    this.end();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    try {
      for (;;) {
        const chunk = this.#chunks.shift();
        if (chunk) {
          this.#size -= chunk.length;
          this.#onTaken?.(chunk.length);
          if (this.#size <= this.#limit) this.#release();
          yield chunk;
        } else if (this.#ended) return;
        else {
          await new Promise<void>((resolve) => {
            this.#wakeReader = resolve;
          });
          this.#wakeReader = undefined;
        }
      }
    } finally {
      this.drop();
    }
  }

  #release(): void {
    const waiting = this.#wakeWriters;
    if (waiting.length === 0) return;
    this.#wakeWriters = [];
    for (const wake of waiting) wake();
  }
}
