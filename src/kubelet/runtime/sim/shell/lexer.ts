/** Characters into words, operators and newlines, with quotes and expansions taken apart. */
import { type Parameter, type Script, ShellSyntaxError, type Word, type WordPart } from './ast.ts';

export type Token =
  | { readonly kind: 'word'; readonly word: Word; readonly line: number; readonly raw: string }
  | { readonly kind: 'op'; readonly op: string; readonly line: number }
  | { readonly kind: 'newline'; readonly line: number }
  | { readonly kind: 'eof'; readonly line: number };

const operators = [
  '&&',
  '||',
  ';;',
  '<<<',
  '<<-',
  '<<',
  '>>',
  '>&',
  '<&',
  '&>',
  '>|',
  '|',
  '&',
  ';',
  '<',
  '>',
  '(',
  ')',
];
const nameStart = /[A-Za-z_]/;
const nameRest = /[A-Za-z0-9_]/;

/** Parses a nested script: given by the parser, which the lexer needs for `$( )`. */
export type ParseNested = (text: string, line: number) => Script;

export class Lexer {
  readonly #text: string;
  readonly #nested: ParseNested;
  #at = 0;
  #line: number;
  /** Here-documents whose bodies start after the next newline. */
  readonly #pending: { delimiter: string; quoted: boolean; strip: boolean; set: (body: Word) => void }[] = [];

  constructor(text: string, nested: ParseNested, line = 1) {
    this.#text = text;
    this.#nested = nested;
    this.#line = line;
  }

  next(): Token {
    this.#skipBlanks();
    const line = this.#line;
    const c = this.#text[this.#at];
    if (c === undefined) {
      this.#readHereDocuments();
      return { kind: 'eof', line };
    }
    if (c === '\n') {
      this.#at++;
      this.#line++;
      this.#readHereDocuments();
      return { kind: 'newline', line };
    }
    for (const op of operators) {
      if (this.#text.startsWith(op, this.#at)) {
        this.#at += op.length;
        return { kind: 'op', op, line };
      }
    }
    const start = this.#at;
    const word = this.#word();
    return { kind: 'word', word, line, raw: this.#text.slice(start, this.#at) };
  }

  /** Registers the body of `<<DELIMITER`. */
  hereDocument(delimiter: string, quoted: boolean, strip: boolean, set: (body: Word) => void): void {
    this.#pending.push({ delimiter, quoted, strip, set });
  }

  /** True when the next character continues right here (so that `2>` is a redirection of fd 2). */
  get adjacentRedirection(): boolean {
    return this.#text[this.#at] === '<' || this.#text[this.#at] === '>';
  }

  #skipBlanks(): void {
    for (;;) {
      const c = this.#text[this.#at];
      if (c === ' ' || c === '\t' || c === '\r') this.#at++;
      else if (c === '\\' && this.#text[this.#at + 1] === '\n') {
        this.#at += 2;
        this.#line++;
      } else if (c === '#') {
        while (this.#at < this.#text.length && this.#text[this.#at] !== '\n') this.#at++;
      } else return;
    }
  }

  #readHereDocuments(): void {
    for (const doc of this.#pending.splice(0)) {
      let body = '';
      for (;;) {
        if (this.#at >= this.#text.length) break;
        let end = this.#text.indexOf('\n', this.#at);
        if (end < 0) end = this.#text.length;
        let text = this.#text.slice(this.#at, end);
        this.#at = Math.min(this.#text.length, end + 1);
        this.#line++;
        if (doc.strip) text = text.replace(/^\t+/, '');
        if (text === doc.delimiter) break;
        body += `${text}\n`;
      }
      doc.set(doc.quoted ? [{ kind: 'text', text: body, quoted: true }] : parseText(body, this.#nested, this.#line));
    }
  }

  #word(): Word {
    const parts: WordPart[] = [];
    let plain = '';
    const flush = () => {
      if (plain !== '') parts.push({ kind: 'text', text: plain, quoted: false });
      plain = '';
    };
    for (;;) {
      const c = this.#text[this.#at];
      if (c === undefined || ' \t\r\n|&;<>()'.includes(c)) break;
      if (c === '\\') {
        const escaped = this.#text[this.#at + 1];
        this.#at += 2;
        if (escaped === '\n') this.#line++;
        else {
          flush();
          parts.push({ kind: 'text', text: escaped ?? '\\', quoted: true });
        }
      } else if (c === "'") {
        flush();
        parts.push({ kind: 'text', text: this.#singleQuoted(), quoted: true });
      } else if (c === '"') {
        flush();
        this.#at++;
        parts.push(...this.#doubleQuoted());
      } else if (c === '$' || c === '`') {
        const part = this.#expansion(false);
        if (part) {
          flush();
          parts.push(part);
        } else {
          plain += c;
          this.#at++;
        }
      } else {
        plain += c;
        this.#at++;
      }
    }
    flush();
    return parts;
  }

  #singleQuoted(): string {
    const end = this.#text.indexOf("'", this.#at + 1);
    if (end < 0) throw new ShellSyntaxError(this.#line, 'syntax error: unterminated quoted string');
    const text = this.#text.slice(this.#at + 1, end);
    this.#at = end + 1;
    this.#line += count(text, '\n');
    return text;
  }

  /** After the opening quote, up to the closing one. */
  #doubleQuoted(): WordPart[] {
    const parts: WordPart[] = [];
    let text = '';
    for (;;) {
      const c = this.#text[this.#at];
      if (c === undefined) throw new ShellSyntaxError(this.#line, 'syntax error: unterminated quoted string');
      if (c === '"') {
        this.#at++;
        break;
      }
      if (c === '\\') {
        const next = this.#text[this.#at + 1];
        this.#at += 2;
        if (next === '\n') this.#line++;
        else if (next !== undefined && '$`"\\'.includes(next)) text += next;
        else text += `\\${next ?? ''}`;
      } else if (c === '$' || c === '`') {
        const part = this.#expansion(true);
        if (part) {
          if (text !== '') parts.push({ kind: 'text', text, quoted: true });
          text = '';
          parts.push(part);
        } else {
          text += c;
          this.#at++;
        }
      } else {
        if (c === '\n') this.#line++;
        text += c;
        this.#at++;
      }
    }
    if (text !== '' || parts.length === 0) parts.push({ kind: 'text', text, quoted: true });
    return parts;
  }

  /** `$x`, `${…}`, `$(…)`, `$((…))` or a backquoted command; undefined when the dollar stands for itself. */
  #expansion(quoted: boolean): WordPart | undefined {
    if (this.#text[this.#at] === '`') return this.#backquoted(quoted);
    const next = this.#text[this.#at + 1];
    if (next === undefined) return undefined;
    if (next === '(') {
      if (this.#text[this.#at + 2] === '(') {
        const end = this.#closing(this.#at + 3, '))');
        if (end >= 0) {
          const inner = this.#text.slice(this.#at + 3, end);
          this.#at = end + 2;
          return { kind: 'arith', expression: parseText(inner, this.#nested, this.#line), quoted };
        }
      }
      const end = this.#closing(this.#at + 2, ')');
      if (end < 0) throw new ShellSyntaxError(this.#line, 'syntax error: unterminated "$("');
      const inner = this.#text.slice(this.#at + 2, end);
      this.#at = end + 1;
      const script = this.#nested(inner, this.#line);
      this.#line += count(inner, '\n');
      return { kind: 'command', script, quoted };
    }
    if (next === '{') {
      const end = this.#closing(this.#at + 2, '}');
      if (end < 0) throw new ShellSyntaxError(this.#line, 'syntax error: missing "}"');
      const inner = this.#text.slice(this.#at + 2, end);
      this.#at = end + 1;
      return { kind: 'param', param: parseParameter(inner, this.#nested, this.#line), quoted };
    }
    if (nameStart.test(next)) {
      let end = this.#at + 2;
      while (end < this.#text.length && nameRest.test(this.#text[end]!)) end++;
      const name = this.#text.slice(this.#at + 1, end);
      this.#at = end;
      return { kind: 'param', param: { name }, quoted };
    }
    if (/[0-9@*#?$!-]/.test(next)) {
      this.#at += 2;
      return { kind: 'param', param: { name: next }, quoted };
    }
    return undefined;
  }

  #backquoted(quoted: boolean): WordPart {
    let inner = '';
    let i = this.#at + 1;
    for (; this.#text[i] !== '`'; i++) {
      if (i >= this.#text.length) throw new ShellSyntaxError(this.#line, 'syntax error: unterminated "`"');
      if (this.#text[i] === '\\' && '`$\\'.includes(this.#text[i + 1] ?? ' ')) i++;
      inner += this.#text[i];
    }
    this.#at = i + 1;
    return { kind: 'command', script: this.#nested(inner, this.#line), quoted };
  }

  /** Index of the closing text that balances an opening just passed; quotes and nested expansions are skipped. */
  #closing(from: number, close: ')' | '))' | '}'): number {
    const text = this.#text;
    let depth = 0;
    for (let i = from; i < text.length; i++) {
      const c = text[i]!;
      if (c === '\\') i++;
      else if (c === "'") {
        // Within "${x:-it's}" a single quote is only a character; in commands it quotes.
        const end = close === '}' ? -1 : text.indexOf("'", i + 1);
        if (end > 0) i = end;
      } else if (c === '"') i = skipDouble(text, i);
      else if (c === '$' && text[i + 1] === '{' && close !== '}') {
        let nested = 1;
        for (i += 2; i < text.length && nested > 0; i++) {
          if (text[i] === '{') nested++;
          else if (text[i] === '}') nested--;
        }
        i--;
      } else if (close === '}' ? c === '{' : c === '(') depth++;
      else if (depth === 0 && text.startsWith(close, i)) return i;
      else if (close === '}' ? c === '}' : c === ')') {
        depth--;
        if (depth < 0) return -1;
      }
    }
    return -1;
  }
}

function skipDouble(text: string, from: number): number {
  for (let i = from + 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '"') return i;
  }
  return text.length;
}

function count(text: string, c: string): number {
  let n = 0;
  for (const x of text) if (x === c) n++;
  return n;
}

/** Text in which only expansions are special: here-documents, arithmetic. */
export function parseText(text: string, nested: ParseNested, line: number): Word {
  // As between double quotes, where a double quote is plain.
  const lexer = new Lexer(`"${text.replaceAll('"', '\\"')}"`, nested, line);
  const token = lexer.next();
  return token.kind === 'word' ? token.word : [];
}

/** The inside of `${ }`. */
function parseParameter(inner: string, nested: ParseNested, line: number): Parameter {
  const length = /^#([A-Za-z_][A-Za-z0-9_]*|[0-9@*])$/.exec(inner);
  if (length) return { name: length[1]!, op: 'length' };
  const match = /^([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-])(.*)$/s.exec(inner);
  if (!match) throw new ShellSyntaxError(line, 'syntax error: bad substitution');
  const [, name, rest] = match as unknown as [string, string, string];
  if (rest === '') return { name };
  const op = /^(:-|:=|:\+|:\?|##|%%|\/\/|[-=+?#%/:])/.exec(rest)?.[1];
  if (!op) throw new ShellSyntaxError(line, 'syntax error: bad substitution');
  const argument = rest.slice(op.length);
  if (op === '/' || op === '//' || op === ':') {
    const separator = op === ':' ? ':' : '/';
    const cut = splitUnescaped(argument, separator);
    const first = cut < 0 ? argument : argument.slice(0, cut);
    const second = cut < 0 ? undefined : argument.slice(cut + 1);
    return {
      name,
      op,
      word: parseWord(first, nested, line),
      ...(second === undefined ? {} : { second: parseWord(second, nested, line) }),
    };
  }
  return { name, op, word: parseWord(argument, nested, line) };
}

function splitUnescaped(text: string, separator: string): number {
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === separator) return i;
  }
  return -1;
}

/** A word given as text in which blanks and operators are plain. */
function parseWord(text: string, nested: ParseNested, line: number): Word {
  const parts: WordPart[] = [];
  for (const [i, piece] of text.split(/([ \t\n|&;<>()]+)/).entries()) {
    if (piece === '') continue;
    if (i % 2 === 1) parts.push({ kind: 'text', text: piece, quoted: false });
    else if (/['"$`\\]/.test(piece)) {
      // Quotes and expansions may hold blanks: read the rest as a whole.
      return wholeWord(text, nested, line);
    } else parts.push({ kind: 'text', text: piece, quoted: false });
  }
  return parts;
}

function wholeWord(text: string, nested: ParseNested, line: number): Word {
  const parts: WordPart[] = [];
  const lexer = new Lexer(text, nested, line);
  let at = 0;
  for (let token = lexer.next(); token.kind !== 'eof'; token = lexer.next()) {
    if (token.kind === 'word') {
      const found = text.indexOf(token.raw, at);
      if (found > at) parts.push({ kind: 'text', text: text.slice(at, found), quoted: false });
      parts.push(...token.word);
      at = found + token.raw.length;
    }
  }
  if (at < text.length) parts.push({ kind: 'text', text: text.slice(at), quoted: false });
  return parts;
}
