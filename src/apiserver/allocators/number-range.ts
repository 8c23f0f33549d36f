import { assert, type Prng } from '../../base/index.ts';

/**
 * Numbers 0…size−1, each free or taken, one bit each. Upstream: pkg/registry/core/service/allocator/bitmap.go.
 */
export class NumberRange {
  readonly size: number;
  /** Below this the range is handed out last: people choose static numbers there. */
  readonly #offset: number;
  readonly #prng: Prng;
  readonly #bits: Uint32Array;
  #used = 0;

  constructor(size: number, offset: number, prng: Prng) {
    assert(offset >= 0 && offset <= size, 'the static band lies in the range');
    this.size = size;
    this.#offset = offset;
    this.#prng = prng;
    this.#bits = new Uint32Array(Math.ceil(size / 32));
  }

  get used(): number {
    return this.#used;
  }

  has(number: number): boolean {
    return (this.#bits[number >>> 5]! & (1 << (number & 31))) !== 0;
  }

  /** False when it is taken already. */
  allocate(number: number): boolean {
    assert(number >= 0 && number < this.size, 'the number lies in the range');
    if (this.has(number)) return false;
    this.#bits[number >>> 5]! |= 1 << (number & 31);
    this.#used++;
    return true;
  }

  /** A free number: random above the static band, and in the band only when the rest is full. Undefined: all are taken. */
  allocateNext(): number | undefined {
    if (this.#used >= this.size) return undefined;
    const number = this.#scan(this.#offset, this.size) ?? this.#scan(0, this.#offset);
    if (number !== undefined) this.allocate(number);
    return number;
  }

  release(number: number): void {
    if (number < 0 || number >= this.size || !this.has(number)) return;
    this.#bits[number >>> 5]! &= ~(1 << (number & 31));
    this.#used--;
  }

  clear(): void {
    this.#bits.fill(0);
    this.#used = 0;
  }

  /** The first free number from a random place on, around the end of [from, to); full words are skipped. */
  #scan(from: number, to: number): number | undefined {
    const count = to - from;
    if (count <= 0) return undefined;
    const start = from + this.#prng.int(count);
    return this.#firstFree(start, to) ?? this.#firstFree(from, start);
  }

  #firstFree(from: number, to: number): number | undefined {
    for (let number = from; number < to; ) {
      if ((number & 31) === 0 && this.#bits[number >>> 5] === 0xffff_ffff) number += 32;
      else if (this.has(number)) number++;
      else return number;
    }
    return undefined;
  }
}

/** Size of the static band: `min(max(min, size / step), max)`, none for tiny ranges (KEP-3070, KEP-3668). */
export function staticBand(size: number, { min, max, step }: { min: number; max: number; step: number }): number {
  if (size <= min) return 0;
  return Math.max(min, Math.min(max, Math.floor(size / step)));
}
