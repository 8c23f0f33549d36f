import { wire } from './writer.ts';

/** Bytes that are no message of the kind they should be. */
export class ProtobufError extends Error {
  override readonly name = 'ProtobufError';
}

/** Deeper messages are an attack: JSON schemas, the deepest kind there is, take three for a level. */
const maxDepth = 1000;

/** Reads a message in place. What runs over the end is found by `end` at the latest. @throws ProtobufError */
export class ProtobufReader {
  readonly bytes: Buffer;
  at = 0;
  /** Where the innermost message ends. */
  end: number;
  #depth = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.end = bytes.byteLength;
  }

  /** Enters a nested message; returns the end to give back to `leave`. */
  enter(): number {
    const outer = this.end;
    const length = this.length();
    if (++this.#depth > maxDepth) throw new ProtobufError('proto: exceeded maximum recursion depth');
    this.end = this.at + length;
    return outer;
  }

  leave(outer: number): void {
    this.#depth--;
    this.at = this.end;
    this.end = outer;
  }

  /** The length of the value that follows; all of it is there. */
  length(): number {
    const length = this.uint();
    if (length > this.end - this.at) throw new ProtobufError('unexpected EOF');
    return length;
  }

  /** A tag, length, or anything else that is small; a number beyond 2^53 is as good as infinite. */
  uint(): number {
    const { bytes, end } = this;
    let value = 0;
    let unit = 1;
    for (let i = 0; i < 10; i++) {
      if (this.at >= end) throw new ProtobufError('unexpected EOF');
      const byte = bytes[this.at++]!;
      if (byte < 0x80) return value + byte * unit;
      value += (byte & 0x7f) * unit;
      unit *= 0x80;
    }
    throw new ProtobufError('proto: integer overflow');
  }

  int32(): number {
    const { bytes } = this;
    if (this.at < this.end && bytes[this.at]! < 0x80) return bytes[this.at++]!;
    return Number(BigInt.asIntN(32, this.#bits()));
  }

  /** A number, or a bigint beyond 2^53 as everywhere in klab's JSON. */
  int64(): number | bigint {
    const start = this.at;
    const value = this.uint();
    // Ten bytes are a negative number or one that needs all its bits.
    if (value <= Number.MAX_SAFE_INTEGER && this.at - start < 10) return value;
    this.at = start;
    const exact = BigInt.asIntN(64, this.#bits());
    return Number.isSafeInteger(Number(exact)) ? Number(exact) : exact;
  }

  #bits(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.at >= this.end) throw new ProtobufError('unexpected EOF');
      const byte = this.bytes[this.at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new ProtobufError('proto: integer overflow');
  }

  double(): number {
    if (this.end - this.at < 8) throw new ProtobufError('unexpected EOF');
    this.at += 8;
    return this.bytes.readDoubleLE(this.at - 8);
  }

  string(): string {
    const length = this.length();
    const start = this.at;
    this.at += length;
    return this.bytes.toString('utf8', start, this.at);
  }

  /** A view, good until the caller lets go of the message's bytes. */
  view(): Buffer {
    const length = this.length();
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  skip(wireType: number): void {
    let size: number;
    switch (wireType) {
      case wire.varint:
        this.uint();
        return;
      case wire.bytes:
        size = this.length();
        break;
      case wire.fixed64:
        size = 8;
        break;
      case wire.fixed32:
        size = 4;
        break;
      default:
        throw new ProtobufError(`proto: illegal wireType ${wireType}`);
    }
    if (size > this.end - this.at) throw new ProtobufError('unexpected EOF');
    this.at += size;
  }
}
