import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { LongPolicy } from './descriptor.ts';

const maxSafe = BigInt(Number.MAX_SAFE_INTEGER);
const minSafe = BigInt(Number.MIN_SAFE_INTEGER);

/** What one field that is kept can keep alive besides itself; those of Node's pool for Buffers. */
const slabBytes = 8 << 10;
const slabShare = slabBytes >>> 1;
/** From this on a message has slabs. */
const longMessage = 16 << 10;
const noSlab = new Uint8Array(0);

/** BinaryReader plus 64-bit integers that do not pass through bigint while they are small. */
export class Reader extends BinaryReader {
  readonly bytesIn: Uint8Array;
  #slab = noSlab;
  #slabUsed = slabBytes;
  /** How many messages deep reading is. */
  depth = 0;

  constructor(bytes: Uint8Array) {
    super(bytes);
    this.bytesIn = bytes;
  }

  /** A varint below 2^49, or −1 when it is longer; then nothing has been read. */
  smallVarint(): number {
    const { bytesIn } = this;
    let at = this.pos;
    let byte = bytesIn[at++]!;
    if (byte < 0x80) {
      this.pos = at;
      return byte;
    }
    let value = byte & 0x7f;
    for (let unit = 0x80; unit < 2 ** 49; unit *= 0x80) {
      byte = bytesIn[at++]!;
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) {
        this.pos = at;
        return value;
      }
    }
    return -1;
  }

  /**
   * A field's bytes, safe to keep: a copy, since a view would keep all that came from the socket with it. Short ones of a long
   * message share slabs, as Node's small Buffers do: a thousand buffers of their own cost whoever reads a list more than all else.
   */
  ownBytes(): Uint8Array {
    const bytes = this.bytes();
    const { length } = bytes;
    if (length === 0 || length > slabShare || this.len < longMessage) return new Uint8Array(bytes);
    if (this.#slabUsed + length > slabBytes) {
      this.#slab = new Uint8Array(slabBytes);
      this.#slabUsed = 0;
    }
    const start = this.#slabUsed;
    this.#slabUsed += length;
    this.#slab.set(bytes, start);
    return this.#slab.subarray(start, this.#slabUsed);
  }
}

/** The bigint under its policy. */
export function applyLong(value: bigint, policy: LongPolicy | undefined): number | bigint {
  if (policy === 'bigint') return value;
  if (value <= maxSafe && value >= minSafe) return Number(value);
  if (policy === 'exact') return value;
  return value > 0n ? Number.MAX_SAFE_INTEGER : Number.MIN_SAFE_INTEGER;
}

export const toBigInt = (value: bigint | string | number): bigint =>
  typeof value === 'bigint' ? value : BigInt(value);
