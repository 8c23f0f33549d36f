/** Tokens of CEL. Upstream: cel-go parser/gen/CEL.g4 (the lexer rules), parser/unescape.go. */
import type { CelIssue, CelSource } from './source.ts';

export type TokenKind =
  | 'ident'
  | 'quoted'
  | 'int'
  | 'uint'
  | 'float'
  | 'string'
  | 'bytes'
  | 'true'
  | 'false'
  | 'null'
  | 'in'
  | 'punct'
  | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** As written; for `end` "<EOF>". */
  readonly text: string;
  readonly offset: number;
}

const identStart = /[A-Za-z_]/;
const identPart = /[A-Za-z0-9_]/;
const digit = /[0-9]/;
const hexDigit = /[0-9a-fA-F]/;
const twoCharOperators = new Set(['==', '!=', '<=', '>=', '&&', '||']);
const oneCharOperators = new Set('<>[](){}.,-+*/%!?:'.split(''));
const keywords = new Set(['true', 'false', 'null', 'in']);

/** Splits the text; what is no token is an issue and left out. */
export function tokenize(source: CelSource, issues: CelIssue[]): Token[] {
  const { points } = source;
  const tokens: Token[] = [];
  let i = 0;
  const push = (kind: TokenKind, end: number): void => {
    tokens.push({ kind, text: points.slice(i, end).join(''), offset: i });
    i = end;
  };
  const unknown = (end: number): void => {
    const text = points.slice(i, end).join('').replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t');
    issues.push({ offset: i, message: `Syntax error: token recognition error at: '${text}'` });
    i = end;
  };
  while (i < points.length) {
    const c = points[i]!;
    if (c === ' ' || c === '\t' || c === '\n' || c === '\r' || c === '\f') {
      i++;
      continue;
    }
    if (c === '/' && points[i + 1] === '/') {
      while (i < points.length && points[i] !== '\n') i++;
      continue;
    }
    const opening = stringOpening(points, i);
    if (opening) {
      const end = stringEnd(points, i, opening);
      if (end.closed) push(opening.bytes ? 'bytes' : 'string', end.at);
      else unknown(end.at);
    } else if (identStart.test(c)) {
      let end = i + 1;
      while (end < points.length && identPart.test(points[end]!)) end++;
      const text = points.slice(i, end).join('');
      push(keywords.has(text) ? (text as TokenKind) : 'ident', end);
    } else if (digit.test(c) || (c === '.' && digit.test(points[i + 1] ?? ''))) {
      const number = numberEnd(points, i);
      push(number.kind, number.end);
    } else if (c === '`') {
      let end = i + 1;
      while (end < points.length && /[A-Za-z0-9_.\-/ ]/.test(points[end]!)) end++;
      if (end > i + 1 && points[end] === '`') push('quoted', end + 1);
      else unknown(Math.min(end + 1, points.length));
    } else if (twoCharOperators.has(c + (points[i + 1] ?? ''))) {
      push('punct', i + 2);
    } else if (oneCharOperators.has(c)) {
      push('punct', i + 1);
    } else {
      // The generated lexer reads on after one "=", "&" or "|" and names what it read.
      const next = points[i + 1];
      unknown((c === '=' || c === '&' || c === '|') && next !== undefined ? i + 2 : i + 1);
    }
  }
  tokens.push({ kind: 'end', text: '<EOF>', offset: points.length });
  return tokens;
}

interface Opening {
  readonly raw: boolean;
  readonly bytes: boolean;
  readonly quote: string;
  /** Index behind the opening quote. */
  readonly body: number;
}

function stringOpening(points: readonly string[], at: number): Opening | undefined {
  let i = at;
  let raw = false;
  let bytes = false;
  for (; i < at + 2; i++) {
    const c = points[i];
    if ((c === 'r' || c === 'R') && !raw) raw = true;
    else if ((c === 'b' || c === 'B') && !bytes) bytes = true;
    else break;
  }
  const mark = points[i];
  if (mark !== '"' && mark !== "'") return undefined;
  const triple = points[i + 1] === mark && points[i + 2] === mark;
  return { raw, bytes, quote: triple ? mark.repeat(3) : mark, body: i + (triple ? 3 : 1) };
}

function stringEnd(
  points: readonly string[],
  _start: number,
  opening: Opening,
): { readonly closed: boolean; readonly at: number } {
  const { quote, raw } = opening;
  for (let i = opening.body; i < points.length; i++) {
    const c = points[i]!;
    if (quote.length === 1 && (c === '\n' || c === '\r')) return { closed: false, at: i };
    if (c === '\\' && !raw) i++;
    else if (c === quote[0] && (quote.length === 1 || (points[i + 1] === c && points[i + 2] === c))) {
      return { closed: true, at: i + quote.length };
    }
  }
  return { closed: false, at: points.length };
}

function numberEnd(points: readonly string[], start: number): { readonly kind: TokenKind; readonly end: number } {
  let i = start;
  const run = (pattern: RegExp): void => {
    while (i < points.length && pattern.test(points[i]!)) i++;
  };
  if (points[i] === '0' && points[i + 1] === 'x' && hexDigit.test(points[i + 2] ?? '')) {
    i += 2;
    run(hexDigit);
  } else {
    run(digit);
    let float = false;
    if (points[i] === '.' && digit.test(points[i + 1] ?? '')) {
      float = true;
      i++;
      run(digit);
    }
    if (points[i] === 'e' || points[i] === 'E') {
      const sign = points[i + 1] === '+' || points[i + 1] === '-' ? 1 : 0;
      if (digit.test(points[i + 1 + sign] ?? '')) {
        float = true;
        i += 1 + sign;
        run(digit);
      }
    }
    if (float) return { kind: 'float', end: i };
  }
  if (points[i] === 'u' || points[i] === 'U') return { kind: 'uint', end: i + 1 };
  return { kind: 'int', end: i };
}

const simpleEscapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '`': '`',
  '?': '?',
};

/** The value of a string or bytes literal as written. @throws an Error with upstream's words for bad escapes. */
export function unescapeLiteral(text: string, bytes: boolean): string | Uint8Array {
  const points = Array.from(text);
  const opening = stringOpening(points, 0)!;
  const end = points.length - opening.quote.length;
  if (opening.raw) {
    const body = points.slice(opening.body, end).join('').replaceAll('\r\n', '\n').replaceAll('\r', '\n');
    return bytes ? Buffer.from(body) : body;
  }
  const parts: string[] = [];
  const raw: number[] = [];
  const put = (point: string): void => {
    if (bytes) raw.push(...Buffer.from(point));
    else parts.push(point);
  };
  for (let i = opening.body; i < end; i++) {
    const c = points[i]!;
    if (c !== '\\') {
      if (c === '\r') {
        put('\n');
        if (points[i + 1] === '\n') i++;
      } else put(c);
      continue;
    }
    const e = points[++i]!;
    const simple = simpleEscapes[e];
    if (simple !== undefined) {
      put(simple);
      continue;
    }
    const length = e === 'x' || e === 'X' ? 2 : e === 'u' ? 4 : e === 'U' ? 8 : /[0-3]/.test(e) ? 3 : 0;
    if (length === 0) throw new Error('unable to unescape string');
    const octal = length === 3;
    if (bytes && (e === 'u' || e === 'U')) throw new Error('unable to unescape string');
    const from = octal ? i : i + 1;
    const digits = points.slice(from, from + length).join('');
    if (
      !(octal ? /^[0-3][0-7]{2}$/ : /^[0-9a-fA-F]+$/).test(digits) ||
      digits.length !== length ||
      from + length > end
    ) {
      throw new Error('unable to unescape octal sequence in string');
    }
    const code = Number.parseInt(digits, octal ? 8 : 16);
    if (bytes) raw.push(code);
    else {
      if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) throw new Error('invalid unicode code point');
      parts.push(String.fromCodePoint(code));
    }
    i = from + length - 1;
  }
  return bytes ? Uint8Array.from(raw) : parts.join('');
}
