/**
 * Simulated programs work on text; connections and archives carry bytes. Bytes that are not UTF-8 ride through text as
 * lone surrogates U+DC80 to U+DCFF (Python's surrogateescape, PEP 383), so that every byte comes out as it went in.
 */
import { isUtf8 } from 'node:buffer';

const escapeBase = 0xdc00;

/** Bytes to text, piece by piece: a character cut in two waits for its rest. */
export class ByteDecoder {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Uint8Array): string {
    let bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (this.#rest.length > 0) bytes = Buffer.concat([this.#rest, bytes]);
    const end = bytes.length - cutOff(bytes);
    // Not a view: the chunk may be large, and may be reused.
    this.#rest = Buffer.from(bytes.subarray(end));
    return decodeBytes(bytes.subarray(0, end));
  }

  /** What never became a character. */
  end(): string {
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    return decodeBytes(rest);
  }
}

/** Length of a character at the end whose last bytes are still to come. */
function cutOff(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return length > back ? back : 0;
    }
  }
  return 0;
}

export function decodeBytes(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isUtf8(buffer)) return buffer.toString('utf8');
  const units = new Uint16Array(buffer.length);
  let length = 0;
  for (let at = 0; at < buffer.length; ) {
    const size = characterAt(buffer, at);
    const first = buffer[at]!;
    if (size <= 1) units[length++] = size === 1 ? first : escapeBase + first;
    else if (size === 2) units[length++] = ((first & 0x1f) << 6) | (buffer[at + 1]! & 0x3f);
    else {
      const second = buffer[at + 1]! & 0x3f;
      const third = buffer[at + 2]! & 0x3f;
      if (size === 3) units[length++] = ((first & 0xf) << 12) | (second << 6) | third;
      else {
        const point = (((first & 7) << 18) | (second << 12) | (third << 6) | (buffer[at + 3]! & 0x3f)) - 0x1_0000;
        units[length++] = 0xd800 | (point >> 10);
        units[length++] = 0xdc00 | (point & 0x3ff);
      }
    }
    at += Math.max(1, size);
  }
  return Buffer.from(units.buffer, 0, 2 * length).toString('utf16le');
}

/** Bytes of the well-formed character at `at`; 0 when there is none. Unicode 16, table 3-7. */
function characterAt(bytes: Buffer, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (at + size > bytes.length) return 0;
  const second = bytes[at + 1]!;
  const from = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const to = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < from || second > to) return 0;
  for (let i = 2; i < size; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return 0;
  return size;
}

const escaped = /[\udc80-\udcff]/;

export function encodeText(text: string): Buffer {
  if (!escaped.test(text)) return Buffer.from(text, 'utf8');
  const bytes = Buffer.allocUnsafe(3 * text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) bytes[length++] = unit;
    else if (unit < 0x800) {
      bytes[length++] = 0xc0 | (unit >> 6);
      bytes[length++] = 0x80 | (unit & 0x3f);
    } else if (unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      const point = 0x1_0000 + ((unit & 0x3ff) << 10) + (text.charCodeAt(++i) & 0x3ff);
      bytes[length++] = 0xf0 | (point >> 18);
      bytes[length++] = 0x80 | ((point >> 12) & 0x3f);
      bytes[length++] = 0x80 | ((point >> 6) & 0x3f);
      bytes[length++] = 0x80 | (point & 0x3f);
    } else if (unit >= 0xdc80 && unit <= 0xdcff) bytes[length++] = unit - escapeBase;
    else {
      // Any other half of a pair is nothing: the replacement character.
      const point = unit >= 0xd800 && unit < 0xe000 ? 0xfffd : unit;
      bytes[length++] = 0xe0 | (point >> 12);
      bytes[length++] = 0x80 | ((point >> 6) & 0x3f);
      bytes[length++] = 0x80 | (point & 0x3f);
    }
  }
  return bytes.subarray(0, length);
}

/** Bytes that `text` stands for. */
export function byteLength(text: string): number {
  return escaped.test(text) ? encodeText(text).length : Buffer.byteLength(text);
}
