import { randomBytes } from 'node:crypto';
import { assert } from './assert.ts';

/** Characters of Kubernetes' generated names: no vowels, no look-alikes. */
const nameAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

/**
 * Seeded generator (xoshiro128**). Everything random that the API shows comes from one of these, so that a seed
 * replays a history. `fork(label)` gives a component its own stream, independent of what others draw.
 */
export class Prng {
  readonly seed: string;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: string) {
    this.seed = seed;
    // FNV-1a over the seed fills the state, then splitmix-like mixing spreads it.
    let h = 0x811c9dc5;
    const next = () => {
      for (let i = 0; i < seed.length; i++) {
        h ^= seed.charCodeAt(i);
        h = Math.imul(h, 0x01000193);
      }
      h = (h + 0x9e3779b9) | 0;
      let z = h;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      return (z ^ (z >>> 16)) | 0;
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next() | 1;
    for (let i = 0; i < 16; i++) this.uint32();
  }

  /** A generator with an unpredictable seed; the seed can be read and logged. */
  static random(): Prng {
    return new Prng(randomBytes(8).toString('hex'));
  }

  fork(label: string): Prng {
    return new Prng(`${this.seed}/${label}`);
  }

  /** Uniform in [0, 2^32). */
  uint32(): number {
    const m = Math.imul(this.#b, 5);
    const result = Math.imul((m << 7) | (m >>> 25), 9);
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result >>> 0;
  }

  /** Uniform in [0, 1). */
  float(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  /** Uniform integer in [0, n), n ≥ 1. */
  int(n: number): number {
    assert(n >= 1, 'int(n) needs n >= 1');
    return Math.floor(this.float() * n);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.int(items.length)]!;
  }

  /** Fisher–Yates, in place. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.int(i + 1);
      [items[i], items[j]] = [items[j]!, items[i]!];
    }
    return items;
  }

  bytes(n: number): Uint8Array {
    const out = new Uint8Array(n);
    for (let i = 0; i < n; i++) out[i] = this.uint32() >>> 24;
    return out;
  }

  /** Random (version 4) UUID in lower case. */
  uuid(): string {
    const b = this.bytes(16);
    b[6] = (b[6]! & 0x0f) | 0x40;
    b[8] = (b[8]! & 0x3f) | 0x80;
    const hex = Buffer.from(b).toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  /** `length` characters as generateName appends them. */
  nameSuffix(length = 5): string {
    let out = '';
    for (let i = 0; i < length; i++) out += nameAlphabet[this.int(nameAlphabet.length)];
    return out;
  }
}

/** Maps each character into the alphabet of generated names, as Kubernetes' SafeEncodeString does for hashes. */
export function safeEncodeString(text: string): string {
  let out = '';
  for (let i = 0; i < text.length; i++) out += nameAlphabet[text.charCodeAt(i) % nameAlphabet.length];
  return out;
}
