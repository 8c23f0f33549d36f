import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { LongPolicy } from './descriptor.ts';

const maxSafe = BigInt(Number.MAX_SAFE_INTEGER);
const minSafe = BigInt(Number.MIN_SAFE_INTEGER);

/** BinaryReader plus 64-bit integers that do not pass through bigint while they are small. */
export class Reader extends BinaryReader {
  readonly bytesIn: Uint8Array;
  /** Nothing else is in the buffer of the message. */
  readonly #alone: boolean;
  /** How many messages deep reading is. */
  depth = 0;

  constructor(bytes: Uint8Array) {
    super(bytes);
    this.bytesIn = bytes;
    this.#alone = bytes.byteLength === bytes.buffer.byteLength;
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
   * A field's bytes, safe to keep: of a message that lies in a buffer from the socket a copy, since a view would keep all
   * that came with it; of one that was put together in a buffer of its own (`FrameParser`: what is larger than a chunk) a
   * view, for a thousand small buffers cost a list more than everything else.
   */
  ownBytes(): Uint8Array {
    const bytes = this.bytes();
    return this.#alone ? bytes : new Uint8Array(bytes);
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
