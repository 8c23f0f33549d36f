/** How a value's end is found: the low bits of its tag. */
export const wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

const initialBytes = 64 * 1024;
/** A buffer that grew beyond this for one object is not kept. */
const keepBytes = 1 << 20;

/**
 * Writes a message from its end to its beginning, as gogo/protobuf's generated code does: the length of a nested message
 * is known when it has been written, so nothing is measured first or moved afterwards.
 */
export class ReverseWriter {
  #bytes = Buffer.allocUnsafeSlow(initialBytes);
  /** Where the last written byte is; decreases. */
  #at = initialBytes;

  /** Bytes written so far: `mark` for `lengthSince`. */
  get size(): number {
    return this.#bytes.length - this.#at;
  }

  reset(): void {
    if (this.#bytes.length > keepBytes) this.#bytes = Buffer.allocUnsafeSlow(initialBytes);
    this.#at = this.#bytes.length;
  }

  /** A copy of what was written. */
  finish(): Buffer {
    return Buffer.from(this.#bytes.subarray(this.#at));
  }

  #room(count: number): void {
    if (this.#at >= count) return;
    const old = this.#bytes;
    const used = old.length - this.#at;
    const grown = Buffer.allocUnsafeSlow(Math.max(old.length * 2, used + count));
    old.copy(grown, grown.length - used, this.#at);
    this.#bytes = grown;
    this.#at = grown.length - used;
  }

  /** Field number and wire type: `number << 3 | type`. */
  tag(tag: number): void {
    if (tag >= 0x80) this.varint(tag);
    else {
      this.#room(1);
      this.#bytes[--this.#at] = tag;
    }
  }

  /** The length of what was written since `mark`, and the tag in front. */
  lengthSince(mark: number, tag: number): void {
    this.varint(this.size - mark);
    this.tag(tag);
  }

  /** A signed integer; negative ones take ten bytes. */
  varint(value: number | bigint): void {
    this.#room(10);
    if (typeof value === 'bigint' || value < 0) {
      this.#bigVarint(BigInt.asUintN(64, BigInt(value)));
      return;
    }
    const bytes = this.#bytes;
    if (value < 0x80) {
      bytes[--this.#at] = value;
      return;
    }
    let size = 1;
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
    this.#at -= size;
    let at = this.#at;
    let rest = value;
    for (; rest > 0x7fff_ffff; rest = Math.floor(rest / 0x80)) bytes[at++] = (rest % 0x80) | 0x80;
    for (; rest >= 0x80; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
    bytes[at] = rest;
  }

  #bigVarint(value: bigint): void {
    const groups: number[] = [];
    for (let rest = value; rest >= 0x80n; rest >>= 7n) groups.push(Number(rest & 0x7fn) | 0x80);
    groups.push(Number(value >> BigInt(7 * groups.length)));
    this.#at -= groups.length;
    this.#bytes.set(groups, this.#at);
  }

  double(value: number): void {
    this.#room(8);
    this.#at -= 8;
    this.#bytes.writeDoubleLE(value, this.#at);
  }

  /** A string with its length. */
  string(text: string): void {
    const { length } = text;
    // Most strings are short and ASCII: a loop beats two calls into native code.
    if (length <= 48) {
      this.#room(length + 1);
      const bytes = this.#bytes;
      const start = this.#at - length;
      let i = 0;
      for (; i < length; i++) {
        const code = text.charCodeAt(i);
        if (code >= 0x80) break;
        bytes[start + i] = code;
      }
      if (i === length) {
        bytes[start - 1] = length;
        this.#at = start - 1;
        return;
      }
    }
    const size = Buffer.byteLength(text);
    this.#room(size);
    this.#at -= size;
    this.#bytes.write(text, this.#at, 'utf8');
    this.varint(size);
  }

  /** Bytes without their length. */
  raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#at -= bytes.length;
    this.#bytes.set(bytes, this.#at);
  }

  /** Bytes with their length. */
  bytes(bytes: Uint8Array): void {
    this.raw(bytes);
    this.varint(bytes.length);
  }
}
