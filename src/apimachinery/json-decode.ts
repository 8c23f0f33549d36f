/**
 * JSON from bytes as Kubernetes reads it: Go's error texts, duplicate fields reported, int64 kept exact.
 * Upstream: sigs.k8s.io/json, encoding/json.
 */
import { FormatError } from './format-error.ts';
import { setOwn } from './json-value.ts';
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
    return new JsonParser(text).document();
  }
  // JSON.parse is several times faster than any parser in JavaScript but says nothing of duplicates, so a scan counts
  // the fields of the text, and only a document with more of them than were kept is read again.
  const scan = scanText(text);
  if (scan.depth > depthMax) throw fail('exceeded max depth');
  if (scan.longNumbers || scan.fields !== countFields(value)) return new JsonParser(text).document();
  return { value, duplicates: [] };
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

/** Go's rendering of an offending byte. */
function quoteCharacter(character: string): string {
  if (character === "'") return `'\\''`;
  if (character === '"') return `'"'`;
  const code = character.charCodeAt(0);
  // Go reports the first byte of the UTF-8 form as if it were a character.
  const byte = code < 0x80 ? code : Buffer.from(character)[0]!;
  if (byte < 0x80) {
    const quoted = JSON.stringify(String.fromCharCode(byte)).slice(1, -1);
    if (byte === 0x7f) return `'\\x7f'`;
    return `'${quoted.replace(/^\\u00(..)$/, '\\x$1')}'`;
  }
  return byte < 0xa1 || byte === 0xad ? `'\\u00${byte.toString(16)}'` : `'${String.fromCharCode(byte)}'`;
}

/** Reads with Go's errors and finds duplicate fields: the slow way, for texts that need it. */
class JsonParser {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  readonly #path: string[] = [];
  readonly #duplicates = new Set<string>();

  constructor(text: string) {
    this.#text = text;
  }

  document(): DecodedJson {
    this.#space();
    const value = this.#value();
    this.#space();
    if (this.#at < this.#text.length) throw this.#unexpected('after top-level value');
    return { value, duplicates: [...this.#duplicates] };
  }

  #unexpected(context: string, at = this.#at): FormatError {
    if (at >= this.#text.length) return fail('unexpected end of JSON input', this.#position(at));
    const character = String.fromCodePoint(this.#text.codePointAt(at)!);
    return fail(`invalid character ${quoteCharacter(character)} ${context}`, this.#position(at));
  }

  /** The text may come from anywhere: whoever read it knows the file. */
  #position(at: number): SourcePosition {
    const before = this.#text.slice(0, at).split('\n');
    return { file: '', line: before.length, column: before.at(-1)!.length + 1 };
  }

  #space(): void {
    for (;;) {
      const c = this.#text.charCodeAt(this.#at);
      if (c !== 32 && c !== 10 && c !== 13 && c !== 9) return;
      this.#at++;
    }
  }

  #value(): unknown {
    switch (this.#text[this.#at]) {
      case '{':
        return this.#nested(() => this.#object());
      case '[':
        return this.#nested(() => this.#array());
      case '"':
        return this.#string();
      case 't':
        return this.#literal('true', true);
      case 'f':
        return this.#literal('false', false);
      case 'n':
        return this.#literal('null', null);
      default:
        return this.#number();
    }
  }

  #nested<T>(read: () => T): T {
    if (++this.#depth > depthMax) throw fail('exceeded max depth');
    const value = read();
    this.#depth--;
    return value;
  }

  #object(): Record<string, unknown> {
    const out: Record<string, unknown> = {};
    this.#at++;
    this.#space();
    if (this.#text[this.#at] === '}') {
      this.#at++;
      return out;
    }
    for (;;) {
      this.#space();
      if (this.#text[this.#at] !== '"') throw this.#unexpected('looking for beginning of object key string');
      const key = this.#string();
      this.#space();
      if (this.#text[this.#at] !== ':') throw this.#unexpected('after object key');
      this.#at++;
      this.#space();
      if (Object.hasOwn(out, key)) this.#duplicate(key);
      this.#path.push(this.#path.length === 0 ? key : `.${key}`);
      setOwn(out, key, this.#value());
      this.#path.pop();
      this.#space();
      const next = this.#text[this.#at];
      if (next !== ',' && next !== '}') throw this.#unexpected('after object key:value pair');
      this.#at++;
      if (next === '}') return out;
    }
  }

  #duplicate(key: string): void {
    if (this.#duplicates.size >= strictErrorsMax) return;
    const path = this.#path.length === 0 ? key : `${this.#path.join('')}.${key}`;
    this.#duplicates.add(`duplicate field ${JSON.stringify(path)}`);
  }

  #array(): unknown[] {
    const out: unknown[] = [];
    this.#at++;
    this.#space();
    if (this.#text[this.#at] === ']') {
      this.#at++;
      return out;
    }
    for (;;) {
      this.#space();
      this.#path.push(`[${out.length}]`);
      out.push(this.#value());
      this.#path.pop();
      this.#space();
      const next = this.#text[this.#at];
      if (next !== ',' && next !== ']') throw this.#unexpected('after array element');
      this.#at++;
      if (next === ']') return out;
    }
  }

  #string(): string {
    const start = this.#at;
    for (let i = start + 1; ; i++) {
      const c = this.#text.charCodeAt(i);
      if (c === 34) {
        this.#at = i + 1;
        return JSON.parse(this.#text.slice(start, i + 1));
      }
      if (Number.isNaN(c)) throw this.#unexpected('', i);
      if (c < 32) throw this.#unexpected('in string literal', i);
      if (c !== 92) continue;
      i++;
      const escaped = this.#text[i];
      if (escaped === 'u') {
        for (let j = 0; j < 4; j++) {
          i++;
          if (!/[0-9a-fA-F]/.test(this.#text[i] ?? '')) {
            throw this.#unexpected('in \\u hexadecimal character escape', i);
          }
        }
      } else if (escaped === undefined || !'"\\/bfnrt'.includes(escaped)) {
        throw this.#unexpected('in string escape code', i);
      }
    }
  }

  #literal<T>(word: string, value: T): T {
    for (let i = 1; i < word.length; i++) {
      if (this.#text[this.#at + i] !== word[i]) {
        throw this.#unexpected(`in literal ${word} (expecting '${word[i]}')`, this.#at + i);
      }
    }
    this.#at += word.length;
    return value;
  }

  #number(): number | bigint {
    const start = this.#at;
    let at = start;
    const digits = (): boolean => {
      const from = at;
      while (this.#text.charCodeAt(at) >= 48 && this.#text.charCodeAt(at) <= 57) at++;
      return at > from;
    };
    const negative = this.#text[at] === '-';
    if (negative) at++;
    if (this.#text[at] === '0') at++;
    else if (!digits()) throw this.#unexpected(negative ? 'in numeric literal' : 'looking for beginning of value', at);
    let whole = true;
    if (this.#text[at] === '.') {
      whole = false;
      at++;
      if (!digits()) throw this.#unexpected('after decimal point in numeric literal', at);
    }
    if (this.#text[at] === 'e' || this.#text[at] === 'E') {
      whole = false;
      at++;
      if (this.#text[at] === '+' || this.#text[at] === '-') at++;
      if (!digits()) throw this.#unexpected('in exponent of numeric literal', at);
    }
    this.#at = at;
    const literal = this.#text.slice(start, at);
    if (!whole || literal.length < longNumber) return Number(literal);
    const exact = BigInt(literal);
    if (exact <= safeMax && exact >= -safeMax) return Number(literal);
    return exact === BigInt.asIntN(64, exact) ? exact : Number(literal);
  }
}
