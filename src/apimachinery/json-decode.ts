/**
 * JSON from bytes as Kubernetes reads it: Go's error texts, duplicate fields reported, int64 kept exact.
 * Upstream: sigs.k8s.io/json, encoding/json.
 */
import { JsonReader, JsonSyntaxError } from '../base/index.ts';
import { FormatError } from './format-error.ts';
import type { SourcePosition } from './types.ts';

export interface DecodedJson {
  readonly value: unknown;
  /** `duplicate field "spec.foo"`, in order of appearance, without repeats. The last value wins. */
  readonly duplicates: readonly string[];
}

/** Upstream allows 10,000; no object comes near, and recursion over what is decoded must fit Node's stack. */
const depthMax = 1000;
/** Upstream stops collecting strict errors here. */
const strictErrorsMax = 100;
/** Numbers with as many digits may be beyond 2^53. */
const longNumber = 16;
const safeMax = BigInt(Number.MAX_SAFE_INTEGER);

const fail = (message: string, position?: SourcePosition): FormatError =>
  new FormatError('InvalidJson', message, position === undefined ? undefined : { position });

/**
 * Decodes one JSON value. Integers beyond 2^53 that fit int64 become bigints, larger ones doubles, as upstream.
 * Invalid UTF-8 becomes U+FFFD, as Go does.
 * @throws FormatError (InvalidJson) with Go's text, e.g. `unexpected end of JSON input`, and its line and column.
 */
export function decodeJson(body: Uint8Array | string): DecodedJson {
  const text = typeof body === 'string' ? body : bytesToText(body);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return decodeSlowly(text);
  }
  // JSON.parse is several times faster than any parser in JavaScript but says nothing of duplicates, so a scan counts
  // the fields of the text, and only a document with more of them than were kept is read again.
  const scan = scanText(text);
  if (scan.depth > depthMax) throw fail('exceeded max depth');
  if (scan.longNumbers || scan.fields !== countFields(value)) return decodeSlowly(text);
  return { value, duplicates: [] };
}

/** With Go's errors and the duplicate fields. */
function decodeSlowly(text: string): DecodedJson {
  const duplicates = new Set<string>();
  const onDuplicate = (path: string) => {
    if (duplicates.size < strictErrorsMax) duplicates.add(`duplicate field ${JSON.stringify(path)}`);
  };
  try {
    const value = new JsonReader(text, { depthMax, number: exactNumber, onDuplicate }).document();
    return { value, duplicates: [...duplicates] };
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw fail(error.message, positionOf(text, error.at));
  }
}

/** The text may come from anywhere: whoever read it knows the file. */
function positionOf(text: string, at: number): SourcePosition {
  const before = text.slice(0, at).split('\n');
  return { file: '', line: before.length, column: before.at(-1)!.length + 1 };
}

function exactNumber(literal: string): number | bigint {
  if (literal.length < longNumber || /[.eE]/.test(literal)) return Number(literal);
  const exact = BigInt(literal);
  if (exact <= safeMax && exact >= -safeMax) return Number(literal);
  return exact === BigInt.asIntN(64, exact) ? exact : Number(literal);
}

function bytesToText(body: Uint8Array): string {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
}

/** For text that JSON.parse accepted. */
function scanText(text: string): { fields: number; depth: number; longNumbers: boolean } {
  let fields = 0;
  let depth = 0;
  let deepest = 0;
  let digits = 0;
  let longNumbers = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c >= 48 && c <= 57) {
      if (++digits >= longNumber) longNumbers = true;
      continue;
    }
    digits = 0;
    if (c === 34) i = endOfString(text, i);
    else if (c === 58) fields++;
    else if (c === 123 || c === 91) {
      if (++depth > deepest) deepest = depth;
    } else if (c === 125 || c === 93) depth--;
  }
  return { fields, depth: deepest, longNumbers };
}

/** Index of the quote that ends the string which starts at `start`. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end > 0 && text.charCodeAt(end - 1) === 92) {
    let slashes = 1;
    while (text.charCodeAt(end - 1 - slashes) === 92) slashes++;
    if (slashes % 2 === 0) break;
    end = text.indexOf('"', end + 1);
  }
  return end;
}

function countFields(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const item = value[i];
      if (typeof item === 'object' && item !== null) count += countFields(item);
    }
    return count;
  }
  for (const key in value) {
    count++;
    const item = (value as Record<string, unknown>)[key];
    if (typeof item === 'object' && item !== null) count += countFields(item);
  }
  return count;
}
