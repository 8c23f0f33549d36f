/** The grammar of kubectl's JSONPath templates. Upstream: client-go/util/jsonpath/{parser,node}.go. */
import { FormatError } from './format-error.ts';

export type JsonPathNode =
  | { readonly kind: 'list'; readonly nodes: readonly JsonPathNode[] }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'identifier'; readonly name: string }
  | { readonly kind: 'literal'; readonly value: number | boolean }
  | { readonly kind: 'wildcard' }
  | { readonly kind: 'recursive' }
  | { readonly kind: 'union'; readonly nodes: readonly JsonPathNode[] }
  | { readonly kind: 'slice'; readonly start: Bound; readonly end: Bound; readonly step: Bound }
  | { readonly kind: 'filter'; readonly left: JsonPathNode; readonly right: JsonPathNode; readonly operator: string };

/** `derived`: the end of `[n]`, which has no end of its own. */
export interface Bound {
  readonly known: boolean;
  readonly value: number;
  readonly derived?: boolean;
}

const fail = (message: string): FormatError => new FormatError('InvalidJsonPath', message);
const isTerminator = (c: string): boolean => c === '' || ' \t\r\n.,[]$@{}'.includes(c);
const isWord = (c: string): boolean => c !== '' && /[_\p{L}\p{Nd}]/u.test(c);

/** @throws FormatError (InvalidJsonPath) with upstream's text. */
export function parseJsonPathTemplate(text: string): readonly JsonPathNode[] {
  return new Parser(text).template();
}

/** Parses what stands inside braces. */
function parseAction(text: string): JsonPathNode {
  return parseJsonPathTemplate(`{${text}}`)[0]!;
}

class Parser {
  readonly #text: string;
  #at = 0;
  /** Where the token being read starts. */
  #start = 0;

  constructor(text: string) {
    this.#text = text;
  }

  template(): JsonPathNode[] {
    const out: JsonPathNode[] = [];
    for (;;) {
      const open = this.#text.indexOf('{', this.#at);
      const end = open < 0 ? this.#text.length : open;
      if (end > this.#at) out.push({ kind: 'text', text: this.#text.slice(this.#at, end) });
      if (open < 0) return out;
      this.#at = open + 1;
      this.#start = this.#at;
      const nodes: JsonPathNode[] = [];
      this.#action(nodes);
      out.push({ kind: 'list', nodes });
    }
  }

  #next(): string {
    const character = this.#text[this.#at] ?? '';
    if (character !== '') this.#at++;
    return character;
  }

  #take(): string {
    const value = this.#text.slice(this.#start, this.#at);
    this.#start = this.#at;
    return value;
  }

  #skip(length: number): void {
    this.#at += length;
    this.#start = this.#at;
  }

  #action(out: JsonPathNode[]): void {
    for (;;) {
      if (this.#text.startsWith('}', this.#at)) {
        this.#skip(1);
        return;
      }
      if (this.#text.startsWith('[?(', this.#at)) {
        out.push(this.#filter());
        continue;
      }
      if (this.#text.startsWith('..', this.#at)) {
        if (out.at(-1)?.kind === 'recursive') throw fail('invalid multiple recursive descent');
        this.#skip(2);
        out.push({ kind: 'recursive' });
        if (isWord(this.#text[this.#at] ?? '')) out.push(this.#field());
        continue;
      }
      const character = this.#next();
      if (character === '' || character === '\r' || character === '\n') throw fail('unclosed action');
      if (character === ' ' || character === '@' || character === '$') this.#take();
      else if (character === '[') this.#array(out);
      else if (character === '"' || character === "'") out.push(this.#quoted(character));
      else if (character === '.') out.push(this.#field());
      else if (/[-+\p{Nd}]/u.test(character)) {
        this.#at--;
        out.push(this.#number());
      } else if (isWord(character)) {
        this.#at--;
        out.push(this.#identifier());
      } else {
        const code = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
        throw fail(`unrecognized character in action: U+${code} '${character}'`);
      }
    }
  }

  #identifier(): JsonPathNode {
    while (!isTerminator(this.#text[this.#at] ?? '')) this.#at++;
    const name = this.#take();
    if (name === 'true' || name === 'false') return { kind: 'literal', value: name === 'true' };
    return { kind: 'identifier', name };
  }

  #field(): JsonPathNode {
    this.#take();
    for (;;) {
      const character = this.#text[this.#at] ?? '';
      if (character === '\\') this.#at += 2;
      else if (isTerminator(character)) break;
      else this.#at++;
    }
    this.#at = Math.min(this.#at, this.#text.length);
    const name = this.#take();
    return name === '*' ? { kind: 'wildcard' } : { kind: 'field', name: name.replaceAll('\\', '') };
  }

  #number(): JsonPathNode {
    if (/[-+]/.test(this.#text[this.#at] ?? '')) this.#at++;
    while (/[.\d]/.test(this.#text[this.#at] ?? '')) this.#at++;
    const literal = this.#take();
    if (!/^[-+]?(\d+\.?\d*|\.\d+)$/.test(literal)) throw fail(`cannot parse number ${literal}`);
    return { kind: 'literal', value: Number(literal) };
  }

  #quoted(quote: string): JsonPathNode {
    for (;;) {
      const character = this.#next();
      if (character === '' || character === '\n') throw fail('unterminated quoted string');
      if (character === quote && this.#text[this.#at - 2] !== '\\') break;
    }
    const literal = this.#take();
    const text = unquote(literal.slice(1, -1), quote);
    if (text === undefined) throw fail(`unquote string ${literal} error invalid syntax`);
    return { kind: 'text', text };
  }

  #array(out: JsonPathNode[]): void {
    for (;;) {
      const character = this.#next();
      if (character === '' || character === '\n') throw fail('unterminated array');
      if (character === ']') break;
    }
    const inner = this.#take().slice(1, -1);
    const text = inner === '*' ? ':' : inner;
    const parts = text.split(',');
    if (parts.length > 1) {
      out.push({ kind: 'union', nodes: parts.map((part) => parseAction(`[${part.replace(/^ +| +$/g, '')}]`)) });
      return;
    }
    const key = /^'([^']*)'$/.exec(text)?.[1];
    if (key !== undefined) {
      const action = parseAction(`.${key}`);
      if (action.kind === 'list') out.push(...action.nodes);
      return;
    }
    out.push(parseSlice(text));
  }

  #filter(): JsonPathNode {
    this.#skip(3);
    let begun = false;
    let ended = false;
    let quote = '';
    for (;;) {
      const character = this.#next();
      if (character === '' || character === '\n') throw fail('unterminated filter');
      if (character === '"' || character === "'") {
        if (!begun) {
          begun = true;
          quote = character;
        } else if (this.#text[this.#at - 2] !== '\\' && character === quote) ended = true;
      } else if (character === ')' && begun === ended) break;
    }
    if (this.#next() !== ']') throw fail('unclosed array expect ]');
    const text = this.#take().slice(0, -2);
    const comparison = /^([^!<>=]+)([!<>=]+)(.+?)$/.exec(text);
    if (!comparison) {
      return { kind: 'filter', left: parseAction(text), right: { kind: 'list', nodes: [] }, operator: 'exists' };
    }
    const [, left, operator, right] = comparison as unknown as [string, string, string, string];
    return { kind: 'filter', left: parseAction(left), right: parseAction(right), operator };
  }
}

function parseSlice(text: string): JsonPathNode {
  const match = /^(-?\d*)(:-?\d*)?(:-?\d*)?$/.exec(text);
  if (!match) throw fail(`invalid array index ${text}`);
  const bounds: Bound[] = [];
  for (let i = 0; i < 3; i++) {
    const part = match[i + 1] ?? '';
    const digits = i > 0 ? part.slice(1) : part;
    if (part === '' && i === 1) bounds.push({ known: true, value: bounds[0]!.value + 1, derived: true });
    else if (digits === '') bounds.push({ known: false, value: 0 });
    else if (digits === '-') throw fail(`array index ${digits} is not a number`);
    else bounds.push({ known: true, value: Number(digits) });
  }
  return { kind: 'slice', start: bounds[0]!, end: bounds[1]!, step: bounds[2]! };
}

const escapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
};

/** Go's escapes; undefined when there is a wrong one. */
function unquote(text: string, quote: string): string | undefined {
  let bad = false;
  const out = text.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|([\s\S])|$)/g,
    (_all, hex2?: string, hex4?: string, hex8?: string, octal?: string, character?: string) => {
      const hex = hex2 ?? hex4 ?? hex8;
      if (hex !== undefined && Number.parseInt(hex, 16) <= 0x10ffff)
        return String.fromCodePoint(Number.parseInt(hex, 16));
      if (octal !== undefined && Number.parseInt(octal, 8) <= 255)
        return String.fromCharCode(Number.parseInt(octal, 8));
      if (character === quote) return quote;
      if (character !== undefined && Object.hasOwn(escapes, character)) return escapes[character]!;
      bad = true;
      return '';
    },
  );
  return bad ? undefined : out;
}
