/**
 * JSON as Go's encoding/json reads it: the same texts are refused at the same place in the same words, duplicate fields
 * are seen. The slow way; where only values matter there is JSON.parse.
 */

/** `message` is Go's. */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError';
  /** Index into the text. */
  readonly at: number;
  /** The text ended too early. */
  readonly ended: boolean;

  constructor(message: string, at: number, ended = false) {
    super(message);
    this.at = at;
    this.ended = ended;
  }
}

export interface JsonReaderOptions {
  /** Arrays and objects in each other. Default 1,000: Go allows 10,000, but recursion must fit Node's stack. */
  readonly depthMax?: number;
  /** What a number becomes. Default Number. */
  readonly number?: (literal: string) => unknown;
  /** Called with the path of a field that comes again (`spec.list[1].x`); the last one wins. */
  readonly onDuplicate?: (path: string) => void;
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

/** Sets an own property even for `__proto__`, which plain assignment would take as the prototype. */
export function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    target[key] = value;
  }
}

/** Reads values one after the other. Everything throws JsonSyntaxError. */
export class JsonReader {
  readonly #text: string;
  readonly #depthMax: number;
  readonly #toNumber: (literal: string) => unknown;
  readonly #onDuplicate: ((path: string) => void) | undefined;
  #at = 0;
  #depth = 0;
  readonly #path: string[] = [];

  constructor(text: string, options: JsonReaderOptions = {}) {
    this.#text = text;
    this.#depthMax = options.depthMax ?? 1000;
    this.#toNumber = options.number ?? Number;
    this.#onDuplicate = options.onDuplicate;
  }

  /** Nothing but white space is left. */
  atEnd(): boolean {
    this.#space();
    return this.#at >= this.#text.length;
  }

  /** The next value; what comes after it is not looked at. */
  value(): unknown {
    this.#space();
    return this.#value();
  }

  /** The next value, with nothing after it. */
  document(): unknown {
    const value = this.value();
    if (!this.atEnd()) throw this.#unexpected('after top-level value');
    return value;
  }

  #unexpected(context: string, at = this.#at): JsonSyntaxError {
    if (at >= this.#text.length) return new JsonSyntaxError('unexpected end of JSON input', at, true);
    const character = String.fromCodePoint(this.#text.codePointAt(at)!);
    return new JsonSyntaxError(`invalid character ${quoteCharacter(character)} ${context}`, at);
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
    if (++this.#depth > this.#depthMax) throw new JsonSyntaxError('exceeded max depth', this.#at);
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
    this.#onDuplicate?.(this.#path.length === 0 ? key : `${this.#path.join('')}.${key}`);
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

  #number(): unknown {
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
    if (this.#text[at] === '.') {
      at++;
      if (!digits()) throw this.#unexpected('after decimal point in numeric literal', at);
    }
    if (this.#text[at] === 'e' || this.#text[at] === 'E') {
      at++;
      if (this.#text[at] === '+' || this.#text[at] === '-') at++;
      if (!digits()) throw this.#unexpected('in exponent of numeric literal', at);
    }
    this.#at = at;
    return this.#toNumber(this.#text.slice(start, at));
  }
}
