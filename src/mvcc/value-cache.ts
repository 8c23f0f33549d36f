import type { Revision } from './key-index.ts';

/**
 * Bounds the bytes of values that revisions hold in memory: the oldest are let go (they stay in the backend). One
 * buffer per value while it is here, so readers may recognise a value by identity.
 */
export class ValueCache {
  readonly #limit: number;
  #bytes = 0;
  #queue: Revision[] = [];
  #head = 0;

  /** `limit` in bytes; Infinity where the backend is memory anyway. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Registers a revision whose value has just been set. */
  add(revision: Revision): void {
    if (this.#limit === Number.POSITIVE_INFINITY) return;
    this.#bytes += revision.value!.length;
    this.#queue.push(revision);
    // The newest stays whatever its size: it is about to be delivered.
    while (this.#bytes > this.#limit && this.#head < this.#queue.length - 1) {
      const oldest = this.#queue[this.#head++]!;
      this.#bytes -= oldest.value!.length;
      oldest.value = undefined;
    }
    if (this.#head > 4096 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }
}
