import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { SpdyError } from './errors.ts';

/** Names in lower case. Several values of one name are joined by NUL on the wire. */
export type SpdyHeaders = Readonly<Record<string, string>>;

/** Each is preceded by its length as four bytes. */
const dictionaryWords =
  'options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow authorization cache-control connection content-base content-encoding content-language content-length content-location content-md5 content-range content-type date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie keep-alive origin';

const dictionaryTail =
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.';

/** The preset dictionary of SPDY/3 (draft-mbelshe-httpbis-spdy-00, section 2.6.10.1). */
export const spdyDictionary: Buffer = Buffer.concat([
  ...dictionaryWords.split(' ').map((word) => {
    const text = Buffer.from(word.replace('_', ' '));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(text.length);
    return Buffer.concat([length, text]);
  }),
  Buffer.from(dictionaryTail),
]);

/** Adler-32 of the dictionary, by which a zlib stream names it. */
export const spdyDictionaryId = 0xe3c6a7c2;

const windowBytes = 32 * 1024;
const maxBlockBytes = 256 * 1024;
/** Deflate, 32 KB window, preset dictionary. */
const zlibHead = Buffer.from([0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2]);

/** The last 32 KB of what went through: all that a deflate stream remembers. */
function slide(window: Buffer, block: Buffer): Buffer {
  const whole = Buffer.concat([window, block]);
  return whole.length > windowBytes ? whole.subarray(whole.length - windowBytes) : whole;
}

/*
 * All header blocks of one direction are one zlib stream, flushed to a byte boundary after each. Such a piece is a raw
 * deflate run whose window is given as dictionary: so Node's synchronous calls do, without a stateful stream.
 */

export class HeaderDeflater {
  #window: Buffer = spdyDictionary;
  #begun = false;

  encode(headers: SpdyHeaders): Buffer {
    const block = encodeBlock(headers);
    const body = deflateRawSync(block, { dictionary: this.#window, finishFlush: constants.Z_SYNC_FLUSH });
    this.#window = slide(this.#window, block);
    if (this.#begun) return body;
    this.#begun = true;
    return Buffer.concat([zlibHead, body]);
  }
}

export class HeaderInflater {
  #window: Buffer = Buffer.alloc(0);
  #begun = false;

  /** @throws SpdyError ProtocolError */
  decode(bytes: Uint8Array): Record<string, string> {
    let body = bytes;
    if (!this.#begun) {
      body = this.#begin(bytes);
      this.#begun = true;
    }
    let block: Buffer;
    try {
      block = inflateRawSync(body, {
        ...(this.#window.length > 0 ? { dictionary: this.#window } : {}),
        finishFlush: constants.Z_SYNC_FLUSH,
        maxOutputLength: maxBlockBytes,
      });
    } catch (cause) {
      throw new SpdyError('ProtocolError', 'header block cannot be decompressed', { cause });
    }
    this.#window = slide(this.#window, block);
    return decodeBlock(block);
  }

  #begin(bytes: Uint8Array): Uint8Array {
    const head = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (head.length < 2 || (head[0]! & 15) !== 8 || head.readUInt16BE(0) % 31 !== 0) {
      throw new SpdyError('ProtocolError', 'header block is no zlib stream');
    }
    if ((head[1]! & 0x20) === 0) return bytes.subarray(2);
    if (head.length < 6 || head.readUInt32BE(2) !== spdyDictionaryId) {
      throw new SpdyError('ProtocolError', 'header block wants an unknown dictionary');
    }
    this.#window = spdyDictionary;
    return bytes.subarray(6);
  }
}

function encodeBlock(headers: SpdyHeaders): Buffer {
  const entries = Object.entries(headers);
  const pieces: Buffer[] = [uint32(entries.length)];
  for (const pair of entries) {
    for (const text of pair) {
      const bytes = Buffer.from(text, 'utf8');
      pieces.push(uint32(bytes.length), bytes);
    }
  }
  return Buffer.concat(pieces);
}

function decodeBlock(block: Buffer): Record<string, string> {
  let at = 0;
  const number = () => {
    if (at + 4 > block.length) throw new SpdyError('ProtocolError', 'header block is cut short');
    const value = block.readUInt32BE(at);
    at += 4;
    return value;
  };
  const text = () => {
    const length = number();
    if (at + length > block.length) throw new SpdyError('ProtocolError', 'header block is cut short');
    const value = block.toString('utf8', at, at + length);
    at += length;
    return value;
  };
  const headers: Record<string, string> = {};
  const count = number();
  for (let i = 0; i < count; i++) {
    const name = text().toLowerCase();
    if (name === '' || Object.hasOwn(headers, name)) {
      throw new SpdyError('ProtocolError', 'header names must be there, once each');
    }
    headers[name] = text();
  }
  return headers;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
