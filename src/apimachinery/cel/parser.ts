/** Text to syntax tree, macros expanded. Upstream: cel-go parser/parser.go, parser/gen/CEL.g4. */
import type { CallExpr, Expr, MapEntry, StructField } from './ast.ts';
import { type Token, tokenize, unescapeLiteral } from './lexer.ts';
import { expandBind, expandMacro, MacroError } from './macros.ts';
import type { CelIssue, CelSource } from './source.ts';
import { Uint } from './values.ts';

/** Upstream: cel-go parser/options.go (default recursion limit) and expression size limit. */
const maxRecursion = 250;
const maxExpressionSize = 100_000;
const maxInt = 2n ** 63n - 1n;
const maxUint = 2n ** 64n - 1n;
const reserved = new Set([
  'as',
  'break',
  'const',
  'continue',
  'else',
  'false',
  'for',
  'function',
  'if',
  'import',
  'in',
  'let',
  'loop',
  'package',
  'namespace',
  'null',
  'return',
  'true',
  'var',
  'void',
  'while',
]);
const startOfExpression =
  "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";

/** Ends the parse: after a syntax error nothing more can be said that helps. */
class SyntaxStop extends Error {}

export interface ParseResult {
  readonly expr: Expr | undefined;
  readonly issues: readonly CelIssue[];
}

export interface ParseOptions {
  /** The macro `cel.bind(name, value, expression)`. */
  readonly bindings?: boolean;
}

export function parseCel(source: CelSource, options: ParseOptions = {}): ParseResult {
  if (source.points.length > maxExpressionSize) {
    const message = `expression code point size exceeds limit: size: ${source.points.length}, limit ${maxExpressionSize}`;
    return { expr: undefined, issues: [{ offset: -1, message }] };
  }
  const issues: CelIssue[] = [];
  const tokens = tokenize(source, issues);
  const parser = new Parser(tokens, issues, options);
  try {
    const expr = parser.start();
    return { expr: issues.length > 0 ? undefined : expr, issues };
  } catch (error) {
    if (error instanceof SyntaxStop) return { expr: undefined, issues };
    throw error;
  }
}

const relations: Readonly<Record<string, string>> = {
  '<': '_<_',
  '<=': '_<=_',
  '>': '_>_',
  '>=': '_>=_',
  '==': '_==_',
  '!=': '_!=_',
  in: '@in',
};
const sums: Readonly<Record<string, string>> = { '+': '_+_', '-': '_-_' };
const products: Readonly<Record<string, string>> = { '*': '_*_', '/': '_/_', '%': '_%_' };

class Parser {
  readonly #tokens: readonly Token[];
  readonly #issues: CelIssue[];
  readonly #options: ParseOptions;
  #at = 0;
  #nextId = 1;
  #depth = 0;

  constructor(tokens: readonly Token[], issues: CelIssue[], options: ParseOptions) {
    this.#options = options;
    this.#tokens = tokens;
    this.#issues = issues;
  }

  start(): Expr {
    const expr = this.#expr();
    const rest = this.#peek();
    if (rest.kind !== 'end') {
      const last = this.#tokens[this.#at + 1]?.kind === 'end';
      const what = last ? 'extraneous' : 'mismatched';
      this.#stop(rest, `${what} input '${rest.text}' expecting <EOF>`);
    }
    return expr;
  }

  #expr(): Expr {
    if (++this.#depth > maxRecursion) {
      this.#issues.push({ offset: -1, message: `expression recursion limit exceeded: ${maxRecursion}` });
      throw new SyntaxStop();
    }
    const condition = this.#logical('||', '_||_', () => this.#logical('&&', '_&&_', () => this.#relation()));
    let expr = condition;
    if (this.#is('?')) {
      const op = this.#next();
      const yes = this.#logical('||', '_||_', () => this.#logical('&&', '_&&_', () => this.#relation()));
      this.#expect(':');
      const no = this.#expr();
      expr = this.#call(op.offset, '_?_:_', [condition, yes, no]);
    }
    this.#depth--;
    return expr;
  }

  /** Long chains become balanced trees, so that none is too deep. */
  #logical(operator: string, fn: string, operand: () => Expr): Expr {
    const terms = [operand()];
    const offsets: number[] = [];
    while (this.#is(operator)) {
      offsets.push(this.#next().offset);
      terms.push(operand());
    }
    const balanced = (low: number, high: number): Expr => {
      const middle = (low + high + 1) >> 1;
      const left = middle === low ? terms[middle]! : balanced(low, middle - 1);
      const right = middle === high ? terms[middle + 1]! : balanced(middle + 1, high);
      return this.#call(offsets[middle]!, fn, [left, right]);
    };
    return offsets.length === 0 ? terms[0]! : balanced(0, offsets.length - 1);
  }

  #relation(): Expr {
    return this.#binary(relations, () => this.#binary(sums, () => this.#binary(products, () => this.#unary())));
  }

  #binary(operators: Readonly<Record<string, string>>, operand: () => Expr): Expr {
    let left = operand();
    for (let token = this.#peek(); isOperator(token) && Object.hasOwn(operators, token.text); token = this.#peek()) {
      this.#at++;
      left = this.#call(token.offset, operators[token.text]!, [left, operand()]);
    }
    return left;
  }

  #unary(): Expr {
    const token = this.#peek();
    for (const [text, fn] of [
      ['!', '!_'],
      ['-', '-_'],
    ] as const) {
      if (!this.#is(text)) continue;
      let count = 0;
      while (this.#is(text)) {
        const next = this.#tokens[this.#at + 1]!;
        // A minus sign before a number belongs to the number.
        if (text === '-' && (next.kind === 'int' || next.kind === 'float')) break;
        this.#at++;
        count++;
      }
      const operand = this.#member();
      return count % 2 === 0 ? operand : this.#call(token.offset, fn, [operand]);
    }
    return this.#member();
  }

  #member(): Expr {
    let expr = this.#primary();
    for (;;) {
      const token = this.#peek();
      if (this.#is('.')) {
        this.#at++;
        const optional = this.#is('?');
        if (optional) this.#at++;
        const name = this.#peek();
        if (optional) {
          const field = this.#fieldName();
          const text = { kind: 'const', id: this.#id(), offset: name.offset, value: field } as const;
          expr = this.#call(token.offset, '_?._', [expr, text]);
        } else if (name.kind === 'ident' && this.#tokens[this.#at + 1]?.text === '(') {
          this.#at++;
          const open = this.#next();
          expr = this.#callOrMacro(open.offset, name.text, expr, this.#arguments(')'));
        } else {
          const field = this.#fieldName();
          expr = { kind: 'select', id: this.#id(), offset: token.offset, operand: expr, field, testOnly: false };
        }
      } else if (this.#is('[')) {
        this.#at++;
        const optional = this.#is('?');
        if (optional) this.#at++;
        const index = this.#expr();
        this.#expect(']');
        expr = this.#call(token.offset, optional ? '_[?_]' : '_[_]', [expr, index]);
      } else {
        return expr;
      }
    }
  }

  #fieldName(): string {
    const token = this.#next();
    if (token.kind === 'quoted') {
      // The grammar has them; Kubernetes 1.36 does not turn them on (fields are escaped instead: `a__dash__b`).
      this.#issues.push({ offset: token.offset, message: "unsupported syntax: '`'" });
      return token.text.slice(1, -1);
    }
    // Words of the language are fields after a dot, as the grammar's SELECT rule has it, except `in`.
    if (token.kind === 'ident' || token.kind === 'true' || token.kind === 'false' || token.kind === 'null') {
      if (token.kind !== 'ident') this.#stop(token, `no viable alternative at input '.${token.text}'`);
      return token.text;
    }
    return this.#stop(token, `no viable alternative at input '.${token.kind === 'end' ? '' : token.text}'`);
  }

  #primary(): Expr {
    const token = this.#next();
    const { offset, text } = token;
    switch (token.kind) {
      case 'true':
      case 'false':
        return this.#const(offset, text === 'true');
      case 'null':
        return this.#const(offset, null);
      case 'int':
      case 'uint':
      case 'float':
        return this.#number(token, false);
      case 'string':
      case 'bytes':
        return this.#text(token);
      case 'ident':
        return this.#identOrCall(token, false);
      default:
    }
    if (text === '-' && (this.#peek().kind === 'int' || this.#peek().kind === 'float')) {
      return this.#number(this.#next(), true, offset);
    }
    if (text === '(') {
      const inner = this.#expr();
      this.#expect(')');
      return inner;
    }
    if (text === '[') return this.#list(offset);
    if (text === '{') return this.#map(offset);
    if (text === '.' && this.#peek().kind === 'ident') return this.#identOrCall(this.#next(), true);
    const why = token.kind === 'end' ? 'mismatched input' : 'extraneous input';
    const follows = this.#tokens[this.#at];
    const mismatched = token.kind === 'end' || follows === undefined || follows.kind === 'end' || token.kind === 'in';
    return this.#stop(token, `${mismatched ? 'mismatched input' : why} '${text}' expecting ${startOfExpression}`);
  }

  #identOrCall(token: Token, leadingDot: boolean): Expr {
    const name = leadingDot ? `.${token.text}` : token.text;
    if (!leadingDot && reserved.has(token.text)) {
      this.#issues.push({ offset: token.offset, message: `reserved identifier: ${token.text}` });
    }
    if (this.#is('(')) {
      const open = this.#next();
      return this.#callOrMacro(open.offset, name, undefined, this.#arguments(')'));
    }
    const struct = this.#structName(name);
    if (struct !== undefined) return this.#struct(struct);
    return { kind: 'ident', id: this.#id(), offset: token.offset, name };
  }

  /** `a.b.C{` is a message; anything else is left for `#member`. */
  #structName(first: string): string | undefined {
    let i = this.#at;
    let name = first;
    while (this.#tokens[i]?.text === '.' && this.#tokens[i + 1]?.kind === 'ident') {
      name += `.${this.#tokens[i + 1]!.text}`;
      i += 2;
    }
    if (this.#tokens[i]?.kind !== 'punct' || this.#tokens[i]?.text !== '{') return undefined;
    this.#at = i;
    return name;
  }

  #struct(typeName: string): Expr {
    const open = this.#next();
    const id = this.#id();
    const fields: StructField[] = [];
    while (!this.#is('}')) {
      const optional = this.#is('?');
      if (optional) this.#at++;
      const name = this.#fieldName();
      const colon = this.#expect(':');
      const fieldId = this.#id();
      fields.push({ id: fieldId, offset: colon.offset, name, value: this.#expr(), optional });
      if (!this.#is(',')) break;
      this.#at++;
    }
    this.#expect('}');
    return { kind: 'struct', id, offset: open.offset, typeName, fields };
  }

  #list(offset: number): Expr {
    const id = this.#id();
    const elements: Expr[] = [];
    const optionals = new Set<number>();
    while (!this.#is(']')) {
      if (this.#is('?')) {
        this.#at++;
        optionals.add(elements.length);
      }
      elements.push(this.#expr());
      if (!this.#is(',')) break;
      this.#at++;
    }
    this.#expect(']');
    return { kind: 'list', id, offset, elements, optionals };
  }

  #map(offset: number): Expr {
    const id = this.#id();
    const entries: MapEntry[] = [];
    while (!this.#is('}')) {
      const optional = this.#is('?');
      if (optional) this.#at++;
      const key = this.#expr();
      const colon = this.#expect(':');
      entries.push({ id: this.#id(), offset: colon.offset, key, value: this.#expr(), optional });
      if (!this.#is(',')) break;
      this.#at++;
    }
    this.#expect('}');
    return { kind: 'map', id, offset, entries };
  }

  #arguments(close: string): Expr[] {
    const args: Expr[] = [];
    while (!this.#is(close)) {
      args.push(this.#expr());
      if (!this.#is(',')) break;
      this.#at++;
    }
    this.#expect(close);
    return args;
  }

  #number(token: Token, negative: boolean, offset = token.offset): Expr {
    const text = negative ? `-${token.text}` : token.text;
    if (token.kind === 'float') {
      const value = Number(text);
      if (!Number.isFinite(value)) this.#issues.push({ offset: token.offset, message: 'invalid double literal' });
      return this.#const(offset, value);
    }
    const digits = token.kind === 'uint' ? token.text.slice(0, -1) : token.text;
    const value = BigInt(digits);
    if (token.kind === 'uint') {
      if (value > maxUint) this.#issues.push({ offset, message: 'invalid uint literal' });
      return this.#const(offset, new Uint(value));
    }
    if (value > (negative ? maxInt + 1n : maxInt)) this.#issues.push({ offset, message: 'invalid int literal' });
    return this.#const(offset, negative ? -value : value);
  }

  #text(token: Token): Expr {
    try {
      return this.#const(token.offset, unescapeLiteral(token.text, token.kind === 'bytes'));
    } catch (error) {
      this.#issues.push({ offset: token.offset, message: (error as Error).message });
      return this.#const(token.offset, '');
    }
  }

  #callOrMacro(offset: number, fn: string, target: Expr | undefined, args: readonly Expr[]): Expr {
    try {
      const place = { id: () => this.#id(), offset };
      const isBind =
        this.#options.bindings === true && fn === 'bind' && target?.kind === 'ident' && target.name === 'cel';
      const expanded = isBind ? expandBind(args, place) : expandMacro(fn, target, args, place);
      if (expanded) return expanded;
    } catch (error) {
      if (!(error instanceof MacroError)) throw error;
      this.#issues.push({ offset: error.offset, message: error.message });
    }
    return this.#call(offset, fn, args, target);
  }

  #call(offset: number, fn: string, args: readonly Expr[], target?: Expr): CallExpr {
    return { kind: 'call', id: this.#id(), offset, fn, target, args };
  }

  #const(offset: number, value: null | boolean | bigint | number | string | Uint | Uint8Array): Expr {
    return { kind: 'const', id: this.#id(), offset, value };
  }

  #id(): number {
    return this.#nextId++;
  }

  #peek(): Token {
    return this.#tokens[this.#at]!;
  }

  #next(): Token {
    const token = this.#tokens[this.#at]!;
    if (token.kind !== 'end') this.#at++;
    return token;
  }

  #is(text: string): boolean {
    const token = this.#peek();
    return token.kind === 'punct' && token.text === text;
  }

  #expect(text: string): Token {
    const token = this.#peek();
    if (this.#is(text)) return this.#next();
    const why = text === ':' || this.#tokens[this.#at + 1]?.text !== text ? 'mismatched' : 'extraneous';
    return this.#stop(token, `${token.kind === 'end' ? 'missing' : why} ${missing(token, text)}`);
  }

  #stop(token: Token, message: string): never {
    // Characters that are no tokens were told already; what follows from their absence is noise.
    this.#issues.push({ offset: token.offset, message: `Syntax error: ${message}` });
    throw new SyntaxStop();
  }
}

function missing(token: Token, text: string): string {
  return token.kind === 'end' ? `'${text}' at '<EOF>'` : `input '${token.text}' expecting '${text}'`;
}

function isOperator(token: Token): boolean {
  return token.kind === 'punct' || token.kind === 'in';
}
