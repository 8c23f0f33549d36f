import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { LongPolicy } from './descriptor.ts';

const maxSafe = BigInt(Number.MAX_SAFE_INTEGER);
const minSafe = BigInt(Number.MIN_SAFE_INTEGER);

/** BinaryReader plus 64-bit integers that do not pass through bigint while they are small. */
export class Reader extends BinaryReader {
  readonly bytesIn: Uint8Array;
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

  /** A copy: a view would keep the whole buffer that came from the socket. */
  bytesCopy(): Uint8Array {
    return new Uint8Array(this.bytes());
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
