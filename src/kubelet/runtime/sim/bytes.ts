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
  let text = '';
  let start = 0;
  let at = 0;
  while (at < buffer.length) {
    const length = characterAt(buffer, at);
    if (length > 0) {
      at += length;
      continue;
    }
    text += buffer.toString('utf8', start, at);
    const bad: number[] = [];
    while (at < buffer.length && bad.length < 4096 && characterAt(buffer, at) === 0) {
      bad.push(escapeBase + buffer[at++]!);
    }
    text += String.fromCharCode(...bad);
    start = at;
  }
  return text + buffer.toString('utf8', start);
}

/** Bytes of the well-formed character at `at`; 0 when there is none. */
function characterAt(bytes: Buffer, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + length > bytes.length) return 0;
  return isUtf8(bytes.subarray(at, at + length)) ? length : 0;
}

const escaped = /[\udc80-\udcff]+/;
const allEscaped = /((?<![\ud800-\udbff])[\udc80-\udcff]+)/;

export function encodeText(text: string): Buffer {
  if (!escaped.test(text)) return Buffer.from(text, 'utf8');
  const parts = text.split(allEscaped).map((part, i) => {
    if (i % 2 === 0) return Buffer.from(part, 'utf8');
    const bytes = Buffer.allocUnsafe(part.length);
    for (let k = 0; k < part.length; k++) bytes[k] = part.charCodeAt(k) - escapeBase;
    return bytes;
  });
  return Buffer.concat(parts);
}
