/**
 * bcrypt, as etcd keeps passwords: a snapshot's users log in on a real etcd and the other way round.
 * Provos & Mazières, "A Future-Adaptable Password Scheme" (1999); Blowfish: Schneier (1993).
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { Slicer } from '../../base/index.ts';

/** etcd's `--bcrypt-cost`. */
const defaultCost = 10;
const alphabet = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const format = /^\$2[aby]\$(\d\d)\$([./A-Za-z0-9]{22})([./A-Za-z0-9]{31})$/;

/** `$2a$10$<salt><hash>`. Other tasks get their turn in between. */
export async function hashPassword(password: string, cost: number = defaultCost): Promise<string> {
  const salt = randomBytes(16);
  const prefix = `$2a$${String(cost).padStart(2, '0')}$`;
  return prefix + toBase64(salt) + toBase64(await rawHash(password, salt, cost));
}

/** False for wrong passwords and for hashes that are none. */
export async function checkPassword(password: string, hash: string): Promise<boolean> {
  const match = format.exec(hash);
  if (!match) return false;
  const [, cost, salt, wanted] = match;
  const found = toBase64(await rawHash(password, fromBase64(salt!).subarray(0, 16), Number(cost)));
  return timingSafeEqual(Buffer.from(found), Buffer.from(wanted!));
}

async function rawHash(password: string, salt: Uint8Array, cost: number): Promise<Buffer> {
  const slicer = new Slicer();
  const key = cycle(Buffer.from(`${password}\0`));
  const salted = cycle(salt);
  const cipher = new Blowfish();
  cipher.expand(key, salted);
  for (let round = 0; round < 2 ** cost; round++) {
    cipher.expand(key);
    cipher.expand(salted);
    if (round % 16 === 15 && slicer.due) await slicer.pause();
  }
  const text = Buffer.from('OrpheanBeholderScryDoubt');
  const words = Int32Array.from({ length: 6 }, (_, i) => text.readInt32BE(4 * i));
  for (let i = 0; i < 64; i++) for (let at = 0; at < 6; at += 2) cipher.encrypt(words, at);
  const out = Buffer.alloc(24);
  for (const [i, word] of words.entries()) out.writeInt32BE(word, 4 * i);
  return out.subarray(0, 23);
}

/** Eighteen words of a text that is repeated as often as it takes. */
function cycle(text: Uint8Array): Int32Array {
  let at = 0;
  return Int32Array.from({ length: 18 }, () => {
    let word = 0;
    for (let i = 0; i < 4; i++) word = (word << 8) | text[at++ % text.length]!;
    return word;
  });
}

class Blowfish {
  readonly #p: Int32Array;
  readonly #s: Int32Array;
  readonly #block = new Int32Array(2);

  constructor() {
    const words = fractionOfPi();
    this.#p = words.slice(0, 18);
    this.#s = words.slice(18);
  }

  /** The key schedule; what is encrypted on the way is salted when a salt is given. */
  expand(key: Int32Array, salt?: Int32Array): void {
    const block = this.#block.fill(0);
    for (let i = 0; i < 18; i++) this.#p[i]! ^= key[i]!;
    let at = 0;
    for (const box of [this.#p, this.#s]) {
      for (let i = 0; i < box.length; i += 2) {
        if (salt) {
          // Four words of salt, over and over.
          block[0]! ^= salt[at]!;
          block[1]! ^= salt[at + 1]!;
          at = at === 0 ? 2 : 0;
        }
        this.encrypt(block, 0);
        box[i] = block[0]!;
        box[i + 1] = block[1]!;
      }
    }
  }

  encrypt(words: Int32Array, at: number): void {
    const p = this.#p;
    const s = this.#s;
    let left = words[at]!;
    let right = words[at + 1]!;
    for (let i = 0; i < 16; i += 2) {
      left ^= p[i]!;
      right ^=
        (((s[left >>> 24]! + s[256 + ((left >>> 16) & 255)]!) ^ s[512 + ((left >>> 8) & 255)]!) +
          s[768 + (left & 255)]!) |
        0;
      right ^= p[i + 1]!;
      left ^=
        (((s[right >>> 24]! + s[256 + ((right >>> 16) & 255)]!) ^ s[512 + ((right >>> 8) & 255)]!) +
          s[768 + (right & 255)]!) |
        0;
    }
    words[at] = right ^ p[17]!;
    words[at + 1] = left ^ p[16]!;
  }
}

let piWords: Int32Array | undefined;

/** Blowfish starts from the binary digits of π: 18 + 4 × 256 words of its fraction, by Machin's formula. */
function fractionOfPi(): Int32Array {
  if (piWords) return piWords;
  const count = 18 + 4 * 256;
  const guard = 64n;
  const one = 1n << (BigInt(32 * count) + guard);
  const arctanOfInverse = (x: bigint) => {
    let power = one / x;
    let sum = power;
    for (let n = 3n, minus = true; power > 0n; n += 2n, minus = !minus) {
      power /= x * x;
      sum += minus ? -(power / n) : power / n;
    }
    return sum;
  };
  const pi = 16n * arctanOfInverse(5n) - 4n * arctanOfInverse(239n);
  const hex = ((pi - 3n * one) >> guard).toString(16).padStart(8 * count, '0');
  piWords = Int32Array.from({ length: count }, (_, i) => Number.parseInt(hex.slice(8 * i, 8 * i + 8), 16) | 0);
  return piWords;
}

function toBase64(bytes: Uint8Array): string {
  let out = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const [a, b, c] = [bytes[i]!, bytes[i + 1], bytes[i + 2]];
    out += alphabet[a >> 2]! + alphabet[((a & 3) << 4) | ((b ?? 0) >> 4)]!;
    if (b !== undefined) out += alphabet[((b & 15) << 2) | ((c ?? 0) >> 6)]!;
    if (c !== undefined) out += alphabet[c & 63]!;
  }
  return out;
}

function fromBase64(text: string): Buffer {
  const out: number[] = [];
  let bits = 0;
  let held = 0;
  for (const char of text) {
    bits = ((bits << 6) | alphabet.indexOf(char)) & 0xffff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out.push((bits >> held) & 255);
  }
  return Buffer.from(out);
}
