/** Thrown into the consumer when a bounded queue overflowed: the reader was too slow and must start over. */
export class QueueOverflowError extends Error {
  override readonly name = 'QueueOverflowError';
  readonly limit: number;
  constructor(limit: number) {
    super(`the queue's bound of ${limit} items was exceeded`);
    this.limit = limit;
  }
}

/**
 * A bounded FIFO between one producer and one consumer; the consumer reads it as an async iterable.
 * `push` never waits: over the bound the queue ends with QueueOverflowError, after what it holds has been dropped.
 */
export class BoundedQueue<T> implements AsyncIterable<T> {
  readonly #limit: number;
  #items: T[] = [];
  #head = 0;
  #wake: (() => void) | undefined;
  #closed = false;
  #error: unknown;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#items.length - this.#head;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Adds an item. Returns false when the queue is closed or has just overflowed. */
  push(item: T): boolean {
    if (this.#closed) return false;
    if (this.size >= this.#limit) {
      this.#items = [];
      this.#head = 0;
      this.close(new QueueOverflowError(this.#limit));
      return false;
    }
    this.#items.push(item);
    this.#wakeUp();
    return true;
  }

  /** Ends the queue: the consumer gets what is queued, then the end, or `error` thrown. */
  close(error?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#error = error;
    this.#wakeUp();
  }

  /** Takes what is queued now, without waiting. */
  drain(): T[] {
    const out = this.#items.slice(this.#head);
    this.#items = [];
    this.#head = 0;
    return out;
  }

  /** The next item, or undefined at the end. Throws the closing error. */
  async next(): Promise<T | undefined> {
    for (;;) {
      if (this.#head < this.#items.length) {
        const item = this.#items[this.#head]!;
        this.#items[this.#head++] = undefined as T;
        if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
          this.#items = this.#items.slice(this.#head);
          this.#head = 0;
        }
        return item;
      }
      if (this.#closed) {
        if (this.#error !== undefined) throw this.#error;
        return undefined;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    try {
      for (let item = await this.next(); item !== undefined; item = await this.next()) yield item;
    } finally {
      this.close();
    }
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
