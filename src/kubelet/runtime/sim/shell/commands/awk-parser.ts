/** awk's grammar: tokens and recursive descent. */
export class AwkSyntaxError extends Error {
  override readonly name = 'AwkSyntaxError';
}

export type AwkExpression =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'regex'; readonly source: string }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'field'; readonly index: AwkExpression }
  | { readonly kind: 'element'; readonly array: string; readonly index: AwkExpression }
  | { readonly kind: 'in'; readonly key: AwkExpression; readonly array: string }
  | { readonly kind: 'unary'; readonly op: string; readonly operand: AwkExpression }
  | { readonly kind: 'binary'; readonly op: string; readonly left: AwkExpression; readonly right: AwkExpression }
  | {
      readonly kind: 'conditional';
      readonly condition: AwkExpression;
      readonly yes: AwkExpression;
      readonly no: AwkExpression;
    }
  | {
      readonly kind: 'assign';
      readonly op: string;
      readonly target: AwkExpression;
      readonly value: AwkExpression;
      readonly post?: boolean;
    }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly AwkExpression[] };

export type AwkStatement =
  | { readonly kind: 'expression'; readonly value: AwkExpression }
  | { readonly kind: 'print' | 'printf'; readonly values: readonly AwkExpression[] }
  | {
      readonly kind: 'if';
      readonly condition: AwkExpression;
      readonly body: readonly AwkStatement[];
      readonly otherwise: readonly AwkStatement[];
    }
  | { readonly kind: 'while'; readonly condition: AwkExpression; readonly body: readonly AwkStatement[] }
  | {
      readonly kind: 'for';
      readonly init?: AwkExpression;
      readonly condition?: AwkExpression;
      readonly update?: AwkExpression;
      readonly body: readonly AwkStatement[];
    }
  | { readonly kind: 'forIn'; readonly name: string; readonly array: string; readonly body: readonly AwkStatement[] }
  | { readonly kind: 'next' }
  | { readonly kind: 'exit'; readonly status?: AwkExpression };

export interface AwkRule {
  readonly when: 'BEGIN' | 'END' | 'line';
  readonly pattern?: AwkExpression;
  readonly body: readonly AwkStatement[];
}

interface Token {
  readonly kind: 'number' | 'string' | 'regex' | 'name' | 'op' | 'newline' | 'eof';
  readonly text: string;
}

const functions = new Set([
  'length',
  'substr',
  'index',
  'split',
  'toupper',
  'tolower',
  'int',
  'sprintf',
  'match',
  'sub',
  'gsub',
]);
const maxDepth = 100;

export function parseAwk(text: string): AwkRule[] {
  return new Parser(tokenize(text)).program();
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const c = text[at]!;
    const rest = text.slice(at, at + 200);
    if (c === ' ' || c === '\t' || c === '\\') {
      at++;
    } else if (c === '#') {
      while (at < text.length && text[at] !== '\n') at++;
    } else if (c === '\n') {
      tokens.push({ kind: 'newline', text: c });
      at++;
    } else if (c === '"') {
      let value = '';
      for (at++; at < text.length && text[at] !== '"'; at++) {
        if (text[at] !== '\\') value += text[at];
        else {
          const escaped = text[++at] ?? '';
          value +=
            ({ n: '\n', t: '\t', '"': '"', '\\': '\\', '/': '/' } as Record<string, string>)[escaped] ?? `\\${escaped}`;
        }
      }
      if (at >= text.length) throw new AwkSyntaxError('Unterminated string');
      at++;
      tokens.push({ kind: 'string', text: value });
    } else if (c === '/' && regexAllowed(tokens.at(-1))) {
      let source = '';
      for (at++; at < text.length && text[at] !== '/'; at++) {
        if (text[at] === '\\' && text[at + 1] === '/') at++;
        else if (text[at] === '\\') source += text[at++];
        source += text[at];
      }
      if (at >= text.length) throw new AwkSyntaxError('Unterminated regex');
      at++;
      tokens.push({ kind: 'regex', text: source });
    } else {
      const number = /^(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?/.exec(rest);
      const name = /^[A-Za-z_]\w*/.exec(rest);
      const op = /^(\+\+|--|\+=|-=|\*=|\/=|%=|==|!=|<=|>=|&&|\|\||!~|[-+*/%^<>=!~?:;,(){}[\]$])/.exec(rest);
      const match = number ?? name ?? op;
      if (!match) throw new AwkSyntaxError('Unexpected token');
      tokens.push({ kind: number ? 'number' : name ? 'name' : 'op', text: match[0] });
      at += match[0].length;
    }
  }
  tokens.push({ kind: 'eof', text: '' });
  return tokens;
}

function regexAllowed(before: Token | undefined): boolean {
  if (!before) return true;
  return (
    before.kind === 'newline' ||
    (before.kind === 'op' && ![')', ']', '++', '--', '$'].includes(before.text)) ||
    (before.kind === 'name' && ['print', 'return', 'in'].includes(before.text))
  );
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  program(): AwkRule[] {
    const rules: AwkRule[] = [];
    this.#separators();
    while (this.#peek().kind !== 'eof') {
      rules.push(this.#rule());
      this.#separators();
    }
    return rules;
  }

  #peek(offset = 0): Token {
    return this.#tokens[Math.min(this.#at + offset, this.#tokens.length - 1)]!;
  }

  #is(text: string): boolean {
    const token = this.#peek();
    return (token.kind === 'op' || token.kind === 'name') && token.text === text;
  }

  #take(text: string): boolean {
    if (!this.#is(text)) return false;
    this.#at++;
    return true;
  }

  #expect(text: string): void {
    if (!this.#take(text)) throw new AwkSyntaxError('Unexpected token');
  }

  #separators(): void {
    while (this.#peek().kind === 'newline' || this.#is(';')) this.#at++;
  }

  #newlines(): void {
    while (this.#peek().kind === 'newline') this.#at++;
  }

  #rule(): AwkRule {
    const when = this.#take('BEGIN') ? 'BEGIN' : this.#take('END') ? 'END' : 'line';
    const pattern = when === 'line' && !this.#is('{') ? this.#expression() : undefined;
    const body: readonly AwkStatement[] = this.#is('{') ? this.#block() : [{ kind: 'print', values: [] }];
    return { when, ...(pattern ? { pattern } : {}), body };
  }

  #block(): AwkStatement[] {
    this.#expect('{');
    const out: AwkStatement[] = [];
    this.#separators();
    while (!this.#is('}')) {
      if (this.#peek().kind === 'eof') throw new AwkSyntaxError('Unexpected end');
      out.push(this.#statement());
      this.#separators();
    }
    this.#at++;
    return out;
  }

  #bodyOf(): AwkStatement[] {
    this.#newlines();
    if (this.#is('{')) return this.#block();
    const statement = this.#statement();
    if (this.#is(';')) this.#at++;
    return [statement];
  }

  #statement(): AwkStatement {
    if (++this.#depth > maxDepth) throw new AwkSyntaxError('nested too deeply');
    try {
      return this.#anyStatement();
    } finally {
      this.#depth--;
    }
  }

  #anyStatement(): AwkStatement {
    if (this.#is('print') || this.#is('printf')) {
      const kind = this.#peek().text as 'print' | 'printf';
      this.#at++;
      return { kind, values: this.#printList() };
    }
    if (this.#take('next')) return { kind: 'next' };
    if (this.#take('exit'))
      return this.#endsStatement() ? { kind: 'exit' } : { kind: 'exit', status: this.#expression() };
    if (this.#take('if')) {
      this.#expect('(');
      const condition = this.#expression();
      this.#expect(')');
      const body = this.#bodyOf();
      this.#newlines();
      const otherwise = this.#take('else') ? this.#bodyOf() : [];
      return { kind: 'if', condition, body, otherwise };
    }
    if (this.#take('while')) {
      this.#expect('(');
      const condition = this.#expression();
      this.#expect(')');
      return { kind: 'while', condition, body: this.#bodyOf() };
    }
    if (this.#take('for')) return this.#for();
    return { kind: 'expression', value: this.#expression() };
  }

  #for(): AwkStatement {
    this.#expect('(');
    if (this.#peek().kind === 'name' && this.#peek(1).text === 'in' && this.#peek(3).text === ')') {
      const name = this.#peek().text;
      const array = this.#peek(2).text;
      this.#at += 4;
      return { kind: 'forIn', name, array, body: this.#bodyOf() };
    }
    const init = this.#is(';') ? undefined : this.#expression();
    this.#expect(';');
    const condition = this.#is(';') ? undefined : this.#expression();
    this.#expect(';');
    const update = this.#is(')') ? undefined : this.#expression();
    this.#expect(')');
    return {
      kind: 'for',
      ...(init ? { init } : {}),
      ...(condition ? { condition } : {}),
      ...(update ? { update } : {}),
      body: this.#bodyOf(),
    };
  }

  #endsStatement(): boolean {
    const token = this.#peek();
    return (
      token.kind === 'eof' ||
      token.kind === 'newline' ||
      (token.kind === 'op' && (token.text === ';' || token.text === '}'))
    );
  }

  #printList(): AwkExpression[] {
    const values: AwkExpression[] = [];
    while (!this.#endsStatement()) {
      values.push(this.#expression());
      if (!this.#take(',')) break;
      this.#newlines();
    }
    return values;
  }

  #expression(): AwkExpression {
    if (++this.#depth > maxDepth) throw new AwkSyntaxError('nested too deeply');
    try {
      const left = this.#conditional();
      const op = this.#peek();
      if (op.kind === 'op' && ['=', '+=', '-=', '*=', '/=', '%='].includes(op.text)) {
        if (!['variable', 'field', 'element'].includes(left.kind)) throw new AwkSyntaxError('Unexpected token');
        this.#at++;
        return { kind: 'assign', op: op.text, target: left, value: this.#expression() };
      }
      return left;
    } finally {
      this.#depth--;
    }
  }

  #conditional(): AwkExpression {
    const condition = this.#binary(0);
    if (!this.#take('?')) return condition;
    const yes = this.#expression();
    this.#expect(':');
    return { kind: 'conditional', condition, yes, no: this.#expression() };
  }

  static readonly #levels: readonly (readonly string[])[] = [
    ['||'],
    ['&&'],
    ['in'],
    ['~', '!~'],
    ['<', '<=', '==', '!=', '>', '>='],
    [' '],
    ['+', '-'],
    ['*', '/', '%'],
  ];

  #binary(level: number): AwkExpression {
    const ops = Parser.#levels[level];
    if (!ops) return this.#power();
    let left = this.#binary(level + 1);
    for (;;) {
      const token = this.#peek();
      if (ops[0] === ' ') {
        if (!this.#startsValue(token)) return left;
        left = { kind: 'binary', op: ' ', left, right: this.#binary(level + 1) };
      } else if (ops[0] === 'in') {
        if (!this.#is('in')) return left;
        this.#at++;
        const array = this.#peek().text;
        this.#at++;
        left = { kind: 'in', key: left, array };
      } else {
        if (token.kind !== 'op' || !ops.includes(token.text)) return left;
        this.#at++;
        left = { kind: 'binary', op: token.text, left, right: this.#binary(level + 1) };
      }
    }
  }

  /** What follows is concatenated. */
  #startsValue(token: Token): boolean {
    if (token.kind === 'number' || token.kind === 'string') return true;
    if (token.kind === 'name') return token.text !== 'in';
    return token.kind === 'op' && (token.text === '$' || token.text === '(');
  }

  #power(): AwkExpression {
    const left = this.#unary();
    return this.#take('^') ? { kind: 'binary', op: '^', left, right: this.#power() } : left;
  }

  #unary(): AwkExpression {
    const { kind, text } = this.#peek();
    if (kind === 'op' && (text === '!' || text === '-' || text === '+')) {
      this.#at++;
      return { kind: 'unary', op: text, operand: this.#unary() };
    }
    if (kind === 'op' && (text === '++' || text === '--')) {
      this.#at++;
      return { kind: 'assign', op: `${text[0]}=`, target: this.#unary(), value: { kind: 'number', value: 1 } };
    }
    const value = this.#primary();
    const after = this.#peek();
    if (after.kind === 'op' && (after.text === '++' || after.text === '--') && value.kind !== 'number') {
      this.#at++;
      return {
        kind: 'assign',
        op: `${after.text[0]}=`,
        target: value,
        value: { kind: 'number', value: 1 },
        post: true,
      };
    }
    return value;
  }

  #primary(): AwkExpression {
    const token = this.#peek();
    this.#at++;
    if (token.kind === 'number') return { kind: 'number', value: Number(token.text) };
    if (token.kind === 'string') return { kind: 'string', value: token.text };
    if (token.kind === 'regex') return { kind: 'regex', source: token.text };
    if (token.kind === 'op' && token.text === '$') return { kind: 'field', index: this.#primary() };
    if (token.kind === 'op' && token.text === '(') {
      const value = this.#expression();
      this.#expect(')');
      return value;
    }
    if (token.kind !== 'name') throw new AwkSyntaxError('Unexpected token');
    if (functions.has(token.text)) {
      const args: AwkExpression[] = [];
      if (this.#take('(')) {
        while (!this.#is(')')) {
          args.push(this.#expression());
          if (!this.#take(',')) break;
        }
        this.#expect(')');
      }
      return { kind: 'call', name: token.text, args };
    }
    if (this.#take('[')) {
      const index = this.#expression();
      this.#expect(']');
      return { kind: 'element', array: token.text, index };
    }
    return { kind: 'variable', name: token.text };
  }
}
