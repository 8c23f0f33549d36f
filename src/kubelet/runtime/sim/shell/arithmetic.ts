/** `$(( ))`: 64-bit integers with C's operators, by precedence climbing. */
export class ArithmeticError extends Error {
  override readonly name = 'ArithmeticError';
}

export interface ArithmeticScope {
  get(name: string): string | undefined;
  set(name: string, value: string): void;
}

const binary: Record<string, number> = {
  '||': 1,
  '&&': 2,
  '|': 3,
  '^': 4,
  '&': 5,
  '==': 6,
  '!=': 6,
  '<': 7,
  '<=': 7,
  '>': 7,
  '>=': 7,
  '<<': 8,
  '>>': 8,
  '+': 9,
  '-': 9,
  '*': 10,
  '/': 10,
  '%': 10,
  '**': 11,
};
const assignments = ['=', '+=', '-=', '*=', '/=', '%='];
const maxTokens = 1_000;

/** @throws ArithmeticError */
export function evaluate(text: string, scope: ArithmeticScope): bigint {
  const tokens = tokenize(text);
  if (tokens.length === 0) return 0n;
  const parser = new Evaluator(tokens, scope);
  return parser.all();
}

function tokenize(text: string): string[] {
  const tokens: string[] = [];
  const pattern =
    /\s*(0[xX][0-9a-fA-F]+|\d+|[A-Za-z_]\w*|\*\*|\+\+|--|<<|>>|[<>=!+\-*/%]=|&&|\|\||[-+*/%<>=!~&|^?:(),])/y;
  while (pattern.lastIndex < text.length) {
    const at = pattern.lastIndex;
    const match = pattern.exec(text);
    if (!match) {
      if (text.slice(at).trim() === '') break;
      throw new ArithmeticError('syntax error');
    }
    tokens.push(match[1]!);
    if (tokens.length > maxTokens) throw new ArithmeticError('expression too long');
  }
  return tokens;
}

class Evaluator {
  readonly #tokens: readonly string[];
  readonly #scope: ArithmeticScope;
  #at = 0;

  constructor(tokens: readonly string[], scope: ArithmeticScope) {
    this.#tokens = tokens;
    this.#scope = scope;
  }

  all(): bigint {
    let value = this.#expression();
    while (this.#take(',')) value = this.#expression();
    if (this.#at < this.#tokens.length) throw new ArithmeticError('syntax error');
    return value;
  }

  #peek(offset = 0): string | undefined {
    return this.#tokens[this.#at + offset];
  }

  #take(token: string): boolean {
    if (this.#peek() !== token) return false;
    this.#at++;
    return true;
  }

  #expression(): bigint {
    const name = this.#peek();
    const op = this.#peek(1);
    if (name && /^[A-Za-z_]/.test(name) && op && assignments.includes(op)) {
      this.#at += 2;
      const right = this.#expression();
      const value = op === '=' ? right : apply(op.slice(0, -1), this.#variable(name), right);
      this.#scope.set(name, String(value));
      return value;
    }
    const condition = this.#binary(1);
    if (!this.#take('?')) return condition;
    const yes = this.#expression();
    if (!this.#take(':')) throw new ArithmeticError('syntax error');
    const no = this.#expression();
    return condition !== 0n ? yes : no;
  }

  #binary(min: number): bigint {
    let left = this.#unary();
    for (;;) {
      const op = this.#peek();
      const precedence = op === undefined ? undefined : binary[op];
      if (precedence === undefined || precedence < min) return left;
      this.#at++;
      const right = this.#binary(op === '**' ? precedence : precedence + 1);
      left = apply(op!, left, right);
    }
  }

  #unary(): bigint {
    const op = this.#peek();
    if (op === '++' || op === '--') {
      const name = this.#peek(1);
      if (name && /^[A-Za-z_]/.test(name)) {
        this.#at += 2;
        const value = this.#variable(name) + (op === '++' ? 1n : -1n);
        this.#scope.set(name, String(value));
        return value;
      }
    }
    if (this.#take('-')) return -this.#unary();
    if (this.#take('+')) return this.#unary();
    if (this.#take('!')) return this.#unary() === 0n ? 1n : 0n;
    if (this.#take('~')) return ~this.#unary();
    return this.#primary();
  }

  #primary(): bigint {
    const token = this.#peek();
    if (token === undefined) throw new ArithmeticError('syntax error');
    this.#at++;
    if (token === '(') {
      const value = this.#expression();
      if (!this.#take(')')) throw new ArithmeticError('syntax error');
      return value;
    }
    if (/^0[0-7]+$/.test(token)) return BigInt(`0o${token.slice(1)}`);
    if (/^\d/.test(token)) return BigInt(token);
    if (!/^[A-Za-z_]/.test(token)) throw new ArithmeticError('syntax error');
    const value = this.#variable(token);
    const post = this.#peek();
    if (post === '++' || post === '--') {
      this.#at++;
      this.#scope.set(token, String(value + (post === '++' ? 1n : -1n)));
    }
    return value;
  }

  #variable(name: string): bigint {
    const text = (this.#scope.get(name) ?? '').trim();
    if (text === '') return 0n;
    if (/^-?\d+$/.test(text)) return BigInt(text);
    if (/^[A-Za-z_]\w*$/.test(text) && text !== name) return this.#variable(text);
    throw new ArithmeticError(`bad number: '${text}'`);
  }
}

function apply(op: string, a: bigint, b: bigint): bigint {
  const flag = (value: boolean) => (value ? 1n : 0n);
  switch (op) {
    case '||':
      return flag(a !== 0n || b !== 0n);
    case '&&':
      return flag(a !== 0n && b !== 0n);
    case '|':
      return a | b;
    case '^':
      return a ^ b;
    case '&':
      return a & b;
    case '==':
      return flag(a === b);
    case '!=':
      return flag(a !== b);
    case '<':
      return flag(a < b);
    case '<=':
      return flag(a <= b);
    case '>':
      return flag(a > b);
    case '>=':
      return flag(a >= b);
    case '<<':
      return BigInt.asIntN(64, a << (b & 63n));
    case '>>':
      return a >> (b & 63n);
    case '+':
      return BigInt.asIntN(64, a + b);
    case '-':
      return BigInt.asIntN(64, a - b);
    case '*':
      return BigInt.asIntN(64, a * b);
    case '**':
      if (b < 0n || b > 63n) throw new ArithmeticError('exponent out of range');
      return BigInt.asIntN(64, a ** b);
    default:
      if (b === 0n) throw new ArithmeticError('divide by zero');
      return op === '/' ? a / b : a % b;
  }
}
