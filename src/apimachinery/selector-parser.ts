/** The grammar of label selectors. Upstream: apimachinery/pkg/labels/selector.go (Lexer, Parser). */
import { FormatError } from './format-error.ts';
import { isQualifiedName } from './names.ts';

export interface ParsedRequirement {
  readonly key: string;
  readonly operator: '=' | '==' | '!=' | 'in' | 'notin' | 'exists' | '!' | 'gt' | 'lt';
  readonly values: readonly string[];
}

type Token = 'end' | 'error' | 'identifier' | ')' | '(' | ',' | '!' | '=' | '==' | '!=' | '>' | '<' | 'in' | 'notin';

interface Scanned {
  readonly token: Token;
  readonly literal: string;
}

const fail = (message: string): FormatError => new FormatError('InvalidSelector', message);
const isSpace = (character: string): boolean => /[ \t\r\n]/.test(character);
const isSymbol = (character: string): boolean => character !== '' && '=!(),><'.includes(character);
const symbols = new Set<string>([')', ',', '!', '==', '=', '>', '<', '!=', '(']);

function scan(text: string): Scanned[] {
  const out: Scanned[] = [];
  let at = 0;
  for (;;) {
    while (at < text.length && isSpace(text[at]!)) at++;
    if (at >= text.length) {
      out.push({ token: 'end', literal: '' });
      return out;
    }
    const start = at;
    if (isSymbol(text[at]!)) {
      // Longest run of symbols that is a token: `==` before `=`. What is no token begins an error run.
      let last = '';
      while (at < text.length && isSymbol(text[at]!)) {
        const candidate = text.slice(start, at + 1);
        if (symbols.has(candidate)) last = candidate;
        else if (last !== '') break;
        at++;
      }
      if (last !== '') out.push({ token: last as Token, literal: last });
      else out.push({ token: 'error', literal: `error expected: keyword found '${text.slice(start, at)}'` });
      continue;
    }
    while (at < text.length && !isSymbol(text[at]!) && !isSpace(text[at]!)) at++;
    const literal = text.slice(start, at);
    out.push({ token: literal === 'in' || literal === 'notin' ? literal : 'identifier', literal });
  }
}

class Parser {
  readonly #items: readonly Scanned[];
  #position = 0;

  constructor(text: string) {
    this.#items = scan(text);
  }

  /** In value position `in` and `notin` are plain words. */
  #at(position: number, values: boolean): Scanned {
    const item = this.#items[Math.min(position, this.#items.length - 1)]!;
    if (values && (item.token === 'in' || item.token === 'notin')) return { ...item, token: 'identifier' };
    return item;
  }

  #peek(values = true): Scanned {
    return this.#at(this.#position, values);
  }

  #next(values = true): Scanned {
    return this.#at(this.#position++, values);
  }

  parse<T>(make: (requirement: ParsedRequirement) => T): T[] {
    const out: T[] = [];
    for (;;) {
      const { token, literal } = this.#peek();
      if (token === 'end') return out;
      if (token !== 'identifier' && token !== '!') {
        throw fail(`found '${literal}', expected: !, identifier, or 'end of string'`);
      }
      try {
        out.push(make(this.#requirement()));
      } catch (error) {
        if (error instanceof FormatError) throw fail(`unable to parse requirement: ${error.message}`);
        throw error;
      }
      const separator = this.#next();
      if (separator.token === 'end') return out;
      if (separator.token !== ',') throw fail(`found '${separator.literal}', expected: ',' or 'end of string'`);
      const following = this.#peek();
      if (following.token !== 'identifier' && following.token !== '!') {
        throw fail(`found '${following.literal}', expected: identifier after ','`);
      }
    }
  }

  #requirement(): ParsedRequirement {
    let item = this.#next();
    const negated = item.token === '!';
    if (negated) item = this.#next();
    if (item.token !== 'identifier') throw fail(`found '${item.literal}', expected: identifier`);
    const key = item.literal;
    const messages = isQualifiedName(key);
    if (messages.length > 0) {
      throw fail(`<nil>: Invalid value: ${JSON.stringify(key)}: ${messages.join('; ')}`);
    }
    if (negated) return { key, operator: '!', values: [] };
    const following = this.#peek();
    if (following.token === 'end' || following.token === ',') return { key, operator: 'exists', values: [] };
    const { token, literal } = this.#next(false);
    switch (token) {
      case 'in':
      case 'notin':
        return { key, operator: token, values: this.#list() };
      case '=':
      case '==':
      case '!=':
        return { key, operator: token, values: this.#value() };
      case '>':
        return { key, operator: 'gt', values: this.#value() };
      case '<':
        return { key, operator: 'lt', values: this.#value() };
      default:
        throw fail(`found '${literal}', expected: in, notin, =, ==, !=, gt, lt`);
    }
  }

  #value(): string[] {
    const { token } = this.#peek();
    if (token === 'end' || token === ',') return [''];
    const item = this.#next();
    if (item.token === 'identifier') return [item.literal];
    throw fail(`found '${item.literal}', expected: identifier`);
  }

  /** `(a,b)`; `()` and empty places give the empty value. */
  #list(): string[] {
    const open = this.#next();
    if (open.token !== '(') throw fail(`found '${open.literal}' expected: '('`);
    const first = this.#peek();
    if (first.token === ')') {
      this.#next();
      return [''];
    }
    if (first.token !== 'identifier' && first.token !== ',') {
      throw fail(`found '${first.literal}', expected: ',', ')' or identifier`);
    }
    const values = this.#identifiers();
    if (this.#next().token !== ')') throw fail(`found '${first.literal}', expected: ')'`);
    return [...values].sort();
  }

  #identifiers(): Set<string> {
    const values = new Set<string>();
    for (;;) {
      const { token, literal } = this.#next();
      if (token === 'identifier') {
        values.add(literal);
        const following = this.#peek();
        if (following.token === ')') return values;
        if (following.token !== ',') throw fail(`found '${following.literal}', expected: ',' or ')'`);
      } else if (token === ',') {
        if (values.size === 0) values.add('');
        const following = this.#peek();
        if (following.token === ')') return values.add('');
        if (following.token === ',') values.add('');
      } else {
        throw fail(`found '${literal}', expected: ',', or identifier`);
      }
    }
  }
}

/** Requirements in the order of the text; `make` checks each as it is read, so that the first error wins. */
export function parseRequirements<T>(text: string, make: (requirement: ParsedRequirement) => T): T[] {
  return new Parser(text).parse(make);
}
