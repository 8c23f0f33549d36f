/**
 * The part of DER (X.690) that X.509 certificates and PKCS #10 requests need. Own code instead of a library because
 * signing must be synchronous (WebCrypto runs in a thread pool, which would break the order of simulated runs) and
 * because boot has no time for the import of one.
 */
import { PkiError } from './errors.ts';

export const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Tag of a context-specific element `[n]`. */
export const context = (n: number, constructed = true) => (constructed ? 0xa0 : 0x80) | n;

export function tlv(tagByte: number, ...parts: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.length;
  const head =
    length < 0x80
      ? [tagByte, length]
      : length < 0x100
        ? [tagByte, 0x81, length]
        : length < 0x1_0000
          ? [tagByte, 0x82, length >>> 8, length & 0xff]
          : [tagByte, 0x83, length >>> 16, (length >>> 8) & 0xff, length & 0xff];
  return Buffer.concat([Uint8Array.from(head), ...parts]);
}

export const sequence = (...parts: readonly Uint8Array[]) => tlv(tag.sequence, ...parts);

/** A positive INTEGER of big-endian bytes. */
export function integer(bytes: Uint8Array): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const trimmed = bytes.subarray(start);
  return trimmed[0]! >= 0x80 ? tlv(tag.integer, Uint8Array.of(0), trimmed) : tlv(tag.integer, trimmed);
}

export const boolean = (value: boolean) => tlv(tag.boolean, Uint8Array.of(value ? 0xff : 0));

export const bitString = (bytes: Uint8Array, unusedBits = 0) => tlv(tag.bitString, Uint8Array.of(unusedBits), bytes);

export function oid(dotted: string): Buffer {
  const arcs = dotted.split('.').map(Number);
  const out = [arcs[0]! * 40 + arcs[1]!];
  for (const arc of arcs.slice(2)) {
    const groups = [arc & 0x7f];
    for (let rest = arc >>> 7; rest > 0; rest >>>= 7) groups.unshift((rest & 0x7f) | 0x80);
    out.push(...groups);
  }
  return tlv(tag.oid, Uint8Array.from(out));
}

/** PrintableString where its alphabet allows, UTF8String else, as Go's encoding/asn1 chooses. */
export function directoryString(text: string): Buffer {
  const printable = /^[A-Za-z0-9 '()+,\-./:=?]*$/.test(text);
  return tlv(printable ? tag.printableString : tag.utf8String, Buffer.from(text, 'utf8'));
}

/** `YYYY-MM-DDTHH:MM:SSZ` as UTCTime before 2050, GeneralizedTime after (RFC 5280, 4.1.2.5). */
export function time(rfc3339: string): Buffer {
  const digits = `${rfc3339.slice(0, 19).replaceAll(/[-:T]/g, '')}Z`;
  const year = Number(rfc3339.slice(0, 4));
  return year >= 1950 && year < 2050
    ? tlv(tag.utcTime, Buffer.from(digits.slice(2), 'latin1'))
    : tlv(tag.generalizedTime, Buffer.from(digits, 'latin1'));
}

/** One element: its tag, its content and itself with its header. */
export interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly raw: Uint8Array;
}

/** Reads the elements that stand one after another in `bytes`. Throws `Malformed`. */
export function readAll(bytes: Uint8Array): Element[] {
  const out: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const element = readAt(bytes, at);
    out.push(element);
    at += element.raw.length;
  }
  return out;
}

/** Reads exactly one element of the given tag. */
export function readOne(bytes: Uint8Array, expectedTag: number): Element {
  const element = readAt(bytes, 0);
  if (element.tag !== expectedTag || element.raw.length !== bytes.length) throw malformed();
  return element;
}

/** The elements inside one constructed element. */
export const children = (element: Element | undefined): Element[] => {
  if (!element) throw malformed();
  return readAll(element.content);
};

export function readOid(element: Element | undefined): string {
  if (element?.tag !== tag.oid || element.content.length === 0) throw malformed();
  const [first, ...rest] = element.content;
  const arcs = [Math.min(2, Math.floor(first! / 40))];
  arcs.push(first! - arcs[0]! * 40);
  let value = 0;
  for (const byte of rest) {
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) {
      arcs.push(value);
      value = 0;
    }
  }
  return arcs.join('.');
}

/** The bytes of a BIT STRING without unused bits. */
export function readBitString(element: Element | undefined): Uint8Array {
  if (element?.tag !== tag.bitString || element.content[0] !== 0) throw malformed();
  return element.content.subarray(1);
}

export const readText = (element: Element): string => Buffer.from(element.content).toString('utf8');

function readAt(bytes: Uint8Array, at: number): Element {
  const tagByte = bytes[at];
  let length = bytes[at + 1];
  if (tagByte === undefined || length === undefined || (tagByte & 0x1f) === 0x1f) throw malformed();
  let start = at + 2;
  if (length >= 0x80) {
    const count = length & 0x7f;
    if (count === 0 || count > 4 || start + count > bytes.length) throw malformed();
    length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + bytes[start + i]!;
    start += count;
  }
  const end = start + length;
  if (end > bytes.length) throw malformed();
  return { tag: tagByte, content: bytes.subarray(start, end), raw: bytes.subarray(at, end) };
}

const malformed = () => new PkiError('Malformed', 'asn1: structure error: malformed DER');
