/** `test`, `[` and the plain part of `[[`. */
import { normalize } from '../../file-system.ts';
import type { Process } from '../../process.ts';
import { patternToRegExp } from '../pattern.ts';
import type { ShellState } from '../state.ts';

class TestError extends Error {}

/** 0 true, 1 false, 2 the expression makes no sense. */
export async function testCommand(
  name: string,
  state: ShellState,
  process: Process,
  args: readonly string[],
): Promise<number> {
  const closing = name === '[' ? ']' : name === '[[' ? ']]' : undefined;
  let tokens = [...args];
  if (closing) {
    if (tokens.at(-1) !== closing) {
      await process.complain(`${state.name}: ${name}: missing ${closing}`);
      return 2;
    }
    tokens = tokens.slice(0, -1);
  }
  try {
    const evaluator = new TestEvaluator(tokens, state, name === '[[');
    return evaluator.all() ? 0 : 1;
  } catch (error) {
    if (!(error instanceof TestError)) throw error;
    await process.complain(`${state.name}: ${error.message}`);
    return 2;
  }
}

const binaryOps = new Set(['=', '==', '!=', '-eq', '-ne', '-lt', '-le', '-gt', '-ge', '<', '>', '=~', '-nt', '-ot']);

class TestEvaluator {
  readonly #tokens: readonly string[];
  readonly #state: ShellState;
  readonly #patterns: boolean;
  #at = 0;

  constructor(tokens: readonly string[], state: ShellState, patterns: boolean) {
    this.#tokens = tokens;
    this.#state = state;
    this.#patterns = patterns;
  }

  all(): boolean {
    if (this.#tokens.length === 0) return false;
    const value = this.#or();
    if (this.#at < this.#tokens.length) throw new TestError(`${this.#tokens[this.#at]}: unknown operand`);
    return value;
  }

  #or(): boolean {
    let value = this.#and();
    while (this.#peek() === '-o' || this.#peek() === '||') {
      this.#at++;
      value = this.#and() || value;
    }
    return value;
  }

  #and(): boolean {
    let value = this.#not();
    while (this.#peek() === '-a' || this.#peek() === '&&') {
      this.#at++;
      value = this.#not() && value;
    }
    return value;
  }

  #not(): boolean {
    if (this.#peek() === '!' && this.#tokens.length > this.#at + 1) {
      this.#at++;
      return !this.#not();
    }
    return this.#primary();
  }

  #peek(offset = 0): string | undefined {
    return this.#tokens[this.#at + offset];
  }

  #primary(): boolean {
    const token = this.#peek();
    if (token === undefined) throw new TestError('argument expected');
    const op = this.#peek(1);
    if (op !== undefined && binaryOps.has(op)) {
      const right = this.#peek(2);
      if (right === undefined) throw new TestError(`${op}: argument expected`);
      this.#at += 3;
      return this.#binary(token, op, right);
    }
    if (token === '(') {
      this.#at++;
      const value = this.#or();
      if (this.#peek() !== ')') throw new TestError('closing paren expected');
      this.#at++;
      return value;
    }
    if (/^-[a-zA-Z]$/.test(token) && op !== undefined) {
      this.#at += 2;
      return this.#unary(token, op);
    }
    // `[ $CODE -eq 200 ]` with an empty variable: an operator where an operand should be.
    if (binaryOps.has(token) && op !== undefined) throw new TestError(`${op}: unknown operand`);
    this.#at++;
    return token !== '';
  }

  #unary(op: string, operand: string): boolean {
    const stat = () => this.#state.fs.stat(normalize(operand, this.#state.cwd));
    switch (op) {
      case '-n':
        return operand !== '';
      case '-z':
        return operand === '';
      case '-e':
      case '-r':
      case '-w':
        return operand !== '' && stat() !== undefined;
      case '-f':
        return operand !== '' && stat()?.kind === 'file';
      case '-d':
        return operand !== '' && stat()?.kind === 'dir';
      case '-s':
        return (stat()?.content.length ?? 0) > 0;
      case '-x':
        return ((stat()?.mode ?? 0) & 0o111) !== 0;
      case '-v':
        return this.#state.get(operand) !== undefined;
      case '-L':
      case '-h':
      case '-S':
      case '-p':
      case '-b':
      case '-c':
      case '-t':
        return false;
      default:
        throw new TestError(`${op}: unknown operand`);
    }
  }

  #binary(left: string, op: string, right: string): boolean {
    switch (op) {
      case '=':
      case '==':
        return this.#patterns ? patternToRegExp(right).test(left) : left === right;
      case '!=':
        return this.#patterns ? !patternToRegExp(right).test(left) : left !== right;
      case '<':
        return left < right;
      case '>':
        return left > right;
      case '=~':
        try {
          return new RegExp(right).test(left);
        } catch {
          throw new TestError(`${right}: bad regex`);
        }
      case '-nt':
      case '-ot': {
        const a = this.#state.fs.stat(normalize(left, this.#state.cwd))?.mtime ?? -1;
        const b = this.#state.fs.stat(normalize(right, this.#state.cwd))?.mtime ?? -1;
        return op === '-nt' ? a > b : a < b;
      }
      default: {
        const a = integer(left);
        const b = integer(right);
        if (op === '-eq') return a === b;
        if (op === '-ne') return a !== b;
        if (op === '-lt') return a < b;
        if (op === '-le') return a <= b;
        return op === '-gt' ? a > b : a >= b;
      }
    }
  }
}

function integer(text: string): bigint {
  const trimmed = text.trim();
  if (!/^[-+]?\d+$/.test(trimmed)) throw new TestError(`${text}: bad number`);
  return BigInt(trimmed.replace(/^\+/, ''));
}
