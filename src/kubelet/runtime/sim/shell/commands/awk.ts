/**
 * awk, the part that one-liners use: patterns, BEGIN and END, fields, print and printf, variables and arrays,
 * arithmetic, comparison, matching, if/while/for, and a few functions.
 */
import { maxHeldCharacters, OutOfMemory } from '../../out-of-memory.ts';
import type { Process } from '../../process.ts';
import { type AwkExpression, type AwkRule, type AwkStatement, AwkSyntaxError, parseAwk } from './awk-parser.ts';
import { eachInput, eachLine } from './lines.ts';
import { printfText, unescapeText } from './print.ts';
import { posix } from './regex.ts';

type Value = string | number;

/** Fields a line may be given. */
const maxFields = 10_000;

class NextLine extends Error {}
class Exit extends Error {
  readonly status: number;
  constructor(status: number) {
    super('exit');
    this.status = status;
  }
}

export async function awk(process: Process, args: readonly string[]): Promise<number> {
  const variables = new Map<string, Value>();
  let i = 0;
  for (; i < args.length && args[i]!.startsWith('-') && args[i] !== '-'; i++) {
    const arg = args[i]!;
    if (arg === '--') {
      i++;
      break;
    }
    if (arg.startsWith('-F'))
      variables.set('FS', unescapeText(arg.length > 2 ? arg.slice(2) : (args[++i] ?? ' ')).text);
    else if (arg.startsWith('-v')) {
      const [name = '', ...value] = (arg.length > 2 ? arg.slice(2) : (args[++i] ?? '')).split('=');
      variables.set(name, unescapeText(value.join('=')).text);
    }
  }
  const [program = '', ...files] = args.slice(i);
  let rules: AwkRule[];
  try {
    rules = parseAwk(program);
  } catch (error) {
    if (!(error instanceof AwkSyntaxError)) throw error;
    await process.complain(`awk: cmd. line:1: ${error.message}`);
    return 1;
  }
  return new Awk(process, rules, variables).run(files);
}

class Awk {
  readonly #process: Process;
  readonly #rules: readonly AwkRule[];
  readonly #variables: Map<string, Value>;
  readonly #arrays = new Map<string, Map<string, Value>>();
  readonly #expressions = new Map<string, RegExp>();
  #fields: string[] = [''];
  #open = true;

  constructor(process: Process, rules: readonly AwkRule[], variables: Map<string, Value>) {
    this.#process = process;
    this.#rules = rules;
    this.#variables = variables;
    for (const [name, value] of [
      ['FS', ' '],
      ['OFS', ' '],
      ['ORS', '\n'],
      ['NR', 0],
      ['NF', 0],
    ] as const) {
      if (!variables.has(name)) variables.set(name, value);
    }
  }

  async run(files: readonly string[]): Promise<number> {
    let status = 0;
    try {
      await this.#runRules('BEGIN');
      if (this.#rules.some((rule) => rule.when !== 'BEGIN')) {
        status = await eachInput('awk', this.#process, files, async (source) => {
          await eachLine(this.#process, source, async (line) => {
            this.#setLine(line);
            this.#variables.set('NR', Number(this.#variables.get('NR')) + 1);
            try {
              await this.#runRules('line');
            } catch (error) {
              if (!(error instanceof NextLine)) throw error;
            }
            return this.#open;
          });
          return this.#open;
        });
      }
    } catch (error) {
      if (!(error instanceof Exit)) throw error;
      status = error.status;
    }
    try {
      await this.#runRules('END');
    } catch (error) {
      if (!(error instanceof Exit)) throw error;
      status = error.status;
    }
    return status;
  }

  async #runRules(when: AwkRule['when']): Promise<void> {
    for (const rule of this.#rules) {
      if (rule.when !== when) continue;
      if (rule.pattern && !truth(this.#evaluate(rule.pattern))) continue;
      await this.#execute(rule.body);
    }
  }

  #setLine(line: string): void {
    const separator = String(this.#variables.get('FS'));
    const trimmed = line.trim();
    let fields: string[];
    if (separator === ' ') fields = trimmed === '' ? [] : trimmed.split(/\s+/);
    else if (line === '') fields = [];
    else fields = line.split(separator.length === 1 ? separator : this.#expression(separator));
    this.#fields = [line, ...fields];
    this.#variables.set('NF', fields.length);
  }

  async #execute(statements: readonly AwkStatement[]): Promise<void> {
    for (const statement of statements) {
      await this.#process.step();
      switch (statement.kind) {
        case 'expression':
          this.#evaluate(statement.value);
          break;
        case 'print': {
          const values = statement.values.map((value) => text(this.#evaluate(value)));
          const line = values.length === 0 ? this.#fields[0]! : values.join(String(this.#variables.get('OFS')));
          this.#open = await this.#process.print(line + String(this.#variables.get('ORS')));
          break;
        }
        case 'printf': {
          const [format = '', ...values] = statement.values.map((value) => text(this.#evaluate(value)));
          this.#open = await this.#process.print(printfText(format, values));
          break;
        }
        case 'if':
          await this.#execute(truth(this.#evaluate(statement.condition)) ? statement.body : statement.otherwise);
          break;
        case 'while':
          while (truth(this.#evaluate(statement.condition))) {
            await this.#process.step();
            await this.#execute(statement.body);
          }
          break;
        case 'for':
          if (statement.init) this.#evaluate(statement.init);
          while (!statement.condition || truth(this.#evaluate(statement.condition))) {
            await this.#process.step();
            await this.#execute(statement.body);
            if (statement.update) this.#evaluate(statement.update);
          }
          break;
        case 'forIn':
          for (const key of [...this.#array(statement.array).keys()]) {
            this.#variables.set(statement.name, key);
            await this.#execute(statement.body);
          }
          break;
        case 'next':
          throw new NextLine();
        default:
          throw new Exit(statement.status ? number(this.#evaluate(statement.status)) : 0);
      }
    }
  }

  #array(name: string): Map<string, Value> {
    let array = this.#arrays.get(name);
    if (!array) {
      array = new Map();
      this.#arrays.set(name, array);
    }
    return array;
  }

  #expression(source: string): RegExp {
    let expression = this.#expressions.get(source);
    if (!expression) {
      try {
        expression = new RegExp(posix(source));
      } catch {
        expression = /(?!)/;
      }
      this.#expressions.set(source, expression);
    }
    return expression;
  }

  #evaluate(e: AwkExpression): Value {
    switch (e.kind) {
      case 'number':
        return e.value;
      case 'string':
        return e.value;
      case 'regex':
        return this.#expression(e.source).test(this.#fields[0]!) ? 1 : 0;
      case 'variable':
        return this.#variables.get(e.name) ?? '';
      case 'field':
        return this.#fields[number(this.#evaluate(e.index))] ?? '';
      case 'element':
        return this.#array(e.array).get(text(this.#evaluate(e.index))) ?? '';
      case 'in':
        return this.#array(e.array).has(text(this.#evaluate(e.key))) ? 1 : 0;
      case 'unary': {
        const value = this.#evaluate(e.operand);
        return e.op === '!' ? (truth(value) ? 0 : 1) : e.op === '-' ? -number(value) : number(value);
      }
      case 'conditional':
        return this.#evaluate(truth(this.#evaluate(e.condition)) ? e.yes : e.no);
      case 'assign':
        return this.#assign(e);
      case 'call':
        return this.#call(e.name, e.args);
      default:
        return this.#binary(e.op, e.left, e.right);
    }
  }

  #binary(op: string, left: AwkExpression, right: AwkExpression): Value {
    if (op === '&&') return truth(this.#evaluate(left)) && truth(this.#evaluate(right)) ? 1 : 0;
    if (op === '||') return truth(this.#evaluate(left)) || truth(this.#evaluate(right)) ? 1 : 0;
    const a = this.#evaluate(left);
    if (op === '~' || op === '!~') {
      const source = right.kind === 'regex' ? right.source : text(this.#evaluate(right));
      return this.#expression(source).test(text(a)) === (op === '~') ? 1 : 0;
    }
    const b = this.#evaluate(right);
    switch (op) {
      case ' ':
        return text(a) + text(b);
      case '+':
        return number(a) + number(b);
      case '-':
        return number(a) - number(b);
      case '*':
        return number(a) * number(b);
      case '/':
        return number(a) / number(b);
      case '%':
        return number(a) % number(b);
      case '^':
        return number(a) ** number(b);
      default:
        return compare(op, a, b) ? 1 : 0;
    }
  }

  #assign(e: Extract<AwkExpression, { kind: 'assign' }>): Value {
    const right = this.#evaluate(e.value);
    const before = e.op === '=' ? '' : this.#evaluate(e.target);
    const value = e.op === '=' ? right : arithmetic(e.op[0]!, number(before), number(right));
    if (typeof value === 'string' && value.length > maxHeldCharacters) throw new OutOfMemory();
    const { target } = e;
    if (target.kind === 'variable') this.#variables.set(target.name, value);
    else if (target.kind === 'element') this.#array(target.array).set(text(this.#evaluate(target.index)), value);
    else if (target.kind === 'field') this.#setField(number(this.#evaluate(target.index)), text(value));
    return e.post ? (number(before) as Value) : value;
  }

  #setField(index: number, value: string): void {
    if (index > maxFields) return;
    if (index === 0) {
      this.#setLine(value);
      return;
    }
    while (this.#fields.length <= index) this.#fields.push('');
    this.#fields[index] = value;
    this.#variables.set('NF', this.#fields.length - 1);
    this.#fields[0] = this.#fields.slice(1).join(String(this.#variables.get('OFS')));
  }

  #call(name: string, args: readonly AwkExpression[]): Value {
    const value = (i: number) => (args[i] ? this.#evaluate(args[i]) : this.#fields[0]!);
    const source = (i: number) => (args[i]?.kind === 'regex' ? (args[i] as { source: string }).source : text(value(i)));
    switch (name) {
      case 'length': {
        const [first] = args;
        if (first?.kind === 'variable' && this.#arrays.has(first.name)) return this.#arrays.get(first.name)!.size;
        return text(value(0)).length;
      }
      case 'substr': {
        const start = number(value(1)) - 1;
        const end = args[2] ? start + number(value(2)) : undefined;
        return text(value(0)).slice(Math.max(0, start), end);
      }
      case 'index':
        return text(value(0)).indexOf(text(value(1))) + 1;
      case 'split': {
        const array = this.#array((args[1] as { name: string }).name);
        array.clear();
        const whole = text(value(0));
        const separator = args[2] ? source(2) : String(this.#variables.get('FS'));
        const parts =
          separator === ' '
            ? whole.trim().split(/\s+/)
            : whole.split(separator.length === 1 ? separator : this.#expression(separator));
        for (const [i, part] of parts.entries()) array.set(String(i + 1), part);
        return parts.length;
      }
      case 'toupper':
        return text(value(0)).toUpperCase();
      case 'tolower':
        return text(value(0)).toLowerCase();
      case 'int':
        return Math.trunc(number(value(0)));
      case 'sprintf': {
        const [format = '', ...rest] = args.map((arg) => text(this.#evaluate(arg)));
        return printfText(format, rest);
      }
      case 'match':
        return text(value(0)).search(this.#expression(source(1))) + 1;
      default: {
        // sub and gsub
        const target = args[2] ?? { kind: 'field' as const, index: { kind: 'number' as const, value: 0 } };
        const before = text(this.#evaluate(target));
        let count = 0;
        const expression = new RegExp(this.#expression(source(0)).source, name === 'gsub' ? 'g' : '');
        const replacement = text(value(1));
        const after = before.replace(expression, (hit) => {
          count++;
          return replacement.replace(/\\&|&/g, (c) => (c === '&' ? hit : '&'));
        });
        if (count > 0) this.#assign({ kind: 'assign', op: '=', target, value: { kind: 'string', value: after } });
        return count;
      }
    }
  }
}

function arithmetic(op: string, a: number, b: number): number {
  if (op === '+') return a + b;
  if (op === '-') return a - b;
  if (op === '*') return a * b;
  return op === '/' ? a / b : a % b;
}

function looksNumeric(value: Value): boolean {
  return typeof value === 'number' || /^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$/.test(value);
}

function compare(op: string, a: Value, b: Value): boolean {
  const numeric = looksNumeric(a) && looksNumeric(b);
  const x: Value = numeric ? number(a) : text(a);
  const y: Value = numeric ? number(b) : text(b);
  switch (op) {
    case '==':
      return x === y;
    case '!=':
      return x !== y;
    case '<':
      return x < y;
    case '<=':
      return x <= y;
    case '>':
      return x > y;
    default:
      return x >= y;
  }
}

function number(value: Value): number {
  return typeof value === 'number' ? value : Number.parseFloat(value) || 0;
}

function text(value: Value): string {
  return typeof value === 'string'
    ? value
    : Number.isInteger(value)
      ? String(value)
      : String(Number(value.toPrecision(6)));
}

function truth(value: Value): boolean {
  return typeof value === 'number' ? value !== 0 : looksNumeric(value) ? Number(value) !== 0 : value !== '';
}
