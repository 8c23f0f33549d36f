/** HPACK, how HTTP/2 writes header fields. RFC 7541. */
import { Http2Error, http2Code } from './errors.ts';
import { decodeHuffman } from './huffman.ts';

export type HeaderField = readonly [name: string, value: string];

/** Appendix A. Index 1 is the first. */
const staticTable: readonly HeaderField[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  ...['200', '204', '206', '304', '400', '404', '500'].map((code): HeaderField => [':status', code]),
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ...(
    'accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control ' +
    'content-disposition content-encoding content-language content-length content-location content-range content-type ' +
    'cookie date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since ' +
    'last-modified link location max-forwards proxy-authenticate proxy-authorization range referer refresh retry-after ' +
    'server set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate'
  )
    .split(' ')
    .map((name): HeaderField => [name, '']),
];

/** Section 4.1: what an entry costs beyond its octets. */
const entryOverhead = 32;

const damaged = (message: string) => new Http2Error(http2Code.compressionError, message);

/** The table of one direction of a connection, and the reader of its header blocks. */
export class HpackDecoder {
  /** The size this end has announced (SETTINGS_HEADER_TABLE_SIZE); the peer may choose less. */
  readonly #maxSize: number;
  #limit: number;
  /** Newest last. */
  #dynamic: HeaderField[] = [];
  #size = 0;
  #block: Uint8Array = new Uint8Array(0);
  #at = 0;

  constructor(maxSize = 4096) {
    this.#maxSize = maxSize;
    this.#limit = maxSize;
  }

  /**
   * The fields of a block, in order. `tooLarge` once they have more than `maxBytes` (section 6.5.2 of RFC 9113 counts 32 a
   * field): the rest was read for the table only. Throws Http2Error compressionError, after which the table is unknown.
   */
  decode(block: Uint8Array, maxBytes: number): { fields: HeaderField[]; tooLarge: boolean } {
    this.#block = block;
    this.#at = 0;
    const fields: HeaderField[] = [];
    let bytes = 0;
    while (this.#at < block.length) {
      const field = this.#next(fields.length === 0 && bytes === 0);
      if (!field) continue;
      bytes += sizeOf(field);
      if (bytes <= maxBytes) fields.push(field);
    }
    return { fields, tooLarge: bytes > maxBytes };
  }

  /** Undefined: the table was resized. */
  #next(first: boolean): HeaderField | undefined {
    const byte = this.#block[this.#at]!;
    if (byte & 0x80) return this.#entry(this.#integer(7));
    if (byte & 0x40) {
      const field = this.#literal(6);
      this.#add(field);
      return field;
    }
    if (byte & 0x20) {
      const size = this.#integer(5);
      if (!first) throw damaged('the size of the header table changes in the middle of a block');
      if (size > this.#maxSize) throw damaged(`a header table of ${size} bytes, of ${this.#maxSize} allowed`);
      this.#limit = size;
      this.#evict();
      return undefined;
    }
    return this.#literal(4);
  }

  #literal(prefix: number): HeaderField {
    const index = this.#integer(prefix);
    const name = index === 0 ? this.#string() : this.#entry(index)[0];
    return [name, this.#string()];
  }

  #entry(index: number): HeaderField {
    const found =
      index <= staticTable.length
        ? staticTable[index - 1]
        : this.#dynamic[this.#dynamic.length - (index - staticTable.length)];
    if (!found) throw damaged(`no header field has index ${index}`);
    return found;
  }

  #add(field: HeaderField): void {
    this.#dynamic.push(field);
    this.#size += sizeOf(field);
    this.#evict();
  }

  #evict(): void {
    while (this.#size > this.#limit) this.#size -= sizeOf(this.#dynamic.shift()!);
  }

  /** Section 5.1. */
  #integer(prefix: number): number {
    const most = (1 << prefix) - 1;
    let value = this.#byte() & most;
    if (value < most) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) return value;
    }
    throw damaged('an integer of a header block is too large');
  }

  #string(): string {
    const huffman = (this.#block[this.#at] ?? 0) & 0x80;
    const length = this.#integer(7);
    const end = this.#at + length;
    if (end > this.#block.length) throw damaged('a header block ends within a string');
    const text = this.#block.subarray(this.#at, end);
    this.#at = end;
    return huffman ? decodeHuffman(text) : Buffer.from(text.buffer, text.byteOffset, length).toString('latin1');
  }

  #byte(): number {
    if (this.#at >= this.#block.length) throw damaged('a header block ends within a field');
    return this.#block[this.#at++]!;
  }
}

const sizeOf = ([name, value]: HeaderField) => name.length + value.length + entryOverhead;

/**
 * A header block that needs no table at the other end: entries of the static table by index, all else as it is. So the
 * same fields are always the same bytes, and may be kept.
 */
export function encodeFields(fields: readonly HeaderField[]): Buffer {
  const parts: number[] = [];
  const literal = (text: string) => {
    const bytes = Buffer.from(text, 'latin1');
    integer(bytes.length, 7, 0);
    for (const byte of bytes) parts.push(byte);
  };
  const integer = (value: number, prefix: number, flags: number) => {
    const most = (1 << prefix) - 1;
    if (value < most) {
      parts.push(flags | value);
      return;
    }
    parts.push(flags | most);
    let rest = value - most;
    for (; rest >= 128; rest = Math.floor(rest / 128)) parts.push((rest % 128) | 0x80);
    parts.push(rest);
  };
  for (const [name, value] of fields) {
    const whole = staticTable.findIndex(([n, v]) => n === name && v === value);
    if (whole >= 0) {
      integer(whole + 1, 7, 0x80);
      continue;
    }
    const named = staticTable.findIndex(([n]) => n === name);
    integer(named + 1, 4, 0);
    if (named < 0) literal(name);
    literal(value);
  }
  return Buffer.from(parts);
}
