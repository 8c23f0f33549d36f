/** Words into fields: parameters, commands, arithmetic, field splitting, file names, quote removal. */
import { normalize } from '../file-system.ts';
import { maxHeldCharacters, OutOfMemory } from '../out-of-memory.ts';
import { evaluate } from './arithmetic.ts';
import type { Parameter, Script, Word, WordPart } from './ast.ts';
import { hasGlob, patternToRegExp } from './pattern.ts';
import type { ShellState } from './state.ts';

/** Runs a command substitution and returns its output. */
export type RunSubstitution = (script: Script) => Promise<string>;

/** Ends the script: `${x:?message}`, or `set -u` on an unset name. */
export class ExpansionError extends Error {
  override readonly name = 'ExpansionError';
}

/** Most words of one command: `set -- "$@" "$@"` doubles them. */
const maxFields = 500_000;

export class Expander {
  readonly #state: ShellState;
  readonly #run: RunSubstitution;

  constructor(state: ShellState, run: RunSubstitution) {
    this.#state = state;
    this.#run = run;
  }

  /** One word as one string: assignments, redirection targets, case subjects. */
  async text(word: Word): Promise<string> {
    let out = '';
    for (const part of tilde(word, this.#state)) {
      const value = await this.#value(part);
      out += Array.isArray(value) ? value.join(' ') : value;
    }
    return out;
  }

  /** As a pattern: quoted characters stand for themselves. */
  async pattern(word: Word): Promise<string> {
    let out = '';
    for (const part of word) {
      const value = await this.#value(part);
      const text = Array.isArray(value) ? value.join(' ') : value;
      out += part.quoted ? text.replace(/[*?[\]\\]/g, '\\$&') : text;
    }
    return out;
  }

  /** Words as command arguments. */
  async fields(words: readonly Word[]): Promise<string[]> {
    const out: string[] = [];
    for (const word of words) {
      for (const braced of expandBraces(word)) {
        for (const field of await this.#fieldsOf(braced)) out.push(field);
        if (out.length > maxFields) throw new OutOfMemory();
      }
    }
    return out;
  }

  async #fieldsOf(word: Word): Promise<string[]> {
    const ifs = this.#state.get('IFS') ?? ' \t\n';
    // Each field keeps its text and a pattern in which quoted characters are escaped.
    const fields: { text: string; pattern: string; glob: boolean }[] = [];
    let current: { text: string; pattern: string; glob: boolean } | undefined;
    const add = (text: string, quoted: boolean) => {
      current ??= { text: '', pattern: '', glob: false };
      current.text += text;
      current.pattern += quoted ? text.replace(/[*?[\]\\]/g, '\\$&') : text;
      current.glob ||= !quoted && hasGlob(text);
    };
    const finish = () => {
      if (current) fields.push(current);
      current = undefined;
    };
    for (const part of tilde(word, this.#state)) {
      const value = await this.#value(part);
      if (Array.isArray(value)) {
        // "$@": one field each; joined to what stands around it.
        for (const [i, item] of value.entries()) {
          if (i > 0) finish();
          add(item, part.quoted);
        }
      } else if (part.quoted || part.kind === 'text') {
        add(value, part.quoted);
      } else {
        for (const [i, piece] of splitFields(value, ifs).entries()) {
          if (i > 0) finish();
          if (piece !== '') add(piece, false);
        }
      }
    }
    finish();
    return fields.flatMap((field) => (field.glob ? this.#glob(field.pattern, field.text) : [field.text]));
  }

  /** A string, or an array for `$@` and `$*`. */
  async #value(part: WordPart): Promise<string | string[]> {
    switch (part.kind) {
      case 'text':
        return part.text;
      case 'command':
        return (await this.#run(part.script)).replace(/\n+$/, '');
      case 'arith': {
        const text = await this.text(part.expression);
        return String(
          evaluate(text, { get: (name) => this.#state.get(name), set: (name, value) => this.#state.set(name, value) }),
        );
      }
      default:
        return this.#parameter(part.param, part.quoted);
    }
  }

  async #parameter(param: Parameter, quoted: boolean): Promise<string | string[]> {
    const { name, op } = param;
    const state = this.#state;
    if (name === '@' || name === '*') {
      if (op === 'length') return String(state.args.length);
      if (name === '*' && quoted) return state.args.join((state.get('IFS') ?? ' ')[0] ?? '');
      return [...state.args];
    }
    const value = state.special(name) ?? state.get(name);
    if (op === undefined) {
      if (value === undefined && state.options.nounset) throw new ExpansionError(`${name}: parameter not set`);
      return value ?? '';
    }
    if (op === 'length') return String((value ?? '').length);
    const unset = value === undefined || (op.startsWith(':') && op !== ':' && value === '');
    switch (op) {
      case '-':
      case ':-':
        return unset ? this.text(param.word!) : value!;
      case '=':
      case ':=': {
        if (!unset) return value!;
        const text = await this.text(param.word!);
        state.set(name, text);
        return text;
      }
      case '+':
      case ':+':
        return unset ? '' : this.text(param.word!);
      case '?':
      case ':?': {
        if (!unset) return value!;
        const message = await this.text(param.word!);
        throw new ExpansionError(`${name}: ${message || 'parameter not set'}`);
      }
      case ':':
        return this.#substring(value ?? '', param);
      case '/':
      case '//':
        return this.#replace(value ?? '', param);
      default:
        return strip(value ?? '', op, await this.pattern(param.word!));
    }
  }

  async #substring(value: string, param: Parameter): Promise<string> {
    const scope = { get: (name: string) => this.#state.get(name), set: () => {} };
    let start = Number(evaluate(await this.text(param.word!), scope));
    if (start < 0) start = Math.max(0, value.length + start);
    if (!param.second) return value.slice(start);
    const length = Number(evaluate(await this.text(param.second), scope));
    return length < 0 ? value.slice(start, length) : value.slice(start, start + length);
  }

  async #replace(value: string, param: Parameter): Promise<string> {
    const pattern = await this.pattern(param.word!);
    if (pattern === '') return value;
    const replacement = param.second ? await this.text(param.second) : '';
    const expression = patternToRegExp(pattern).source.slice(1, -1);
    let length = value.length;
    return value.replace(new RegExp(expression, param.op === '//' ? 'g' : ''), () => {
      length += replacement.length;
      if (length > maxHeldCharacters) throw new OutOfMemory();
      return replacement;
    });
  }

  /** Names that match; the word itself when none does. */
  #glob(pattern: string, text: string): string[] {
    const absolute = pattern.startsWith('/');
    const segments = pattern.split('/').filter((segment) => segment !== '');
    let paths = [absolute ? '/' : ''];
    for (const segment of segments) {
      const next: string[] = [];
      const expression = patternToRegExp(segment, { wholePath: true });
      for (const base of paths) {
        const join = (name: string) => (base === '' ? name : base === '/' ? `/${name}` : `${base}/${name}`);
        if (!hasGlob(segment.replace(/\\./g, ''))) {
          const path = join(segment.replace(/\\(.)/g, '$1'));
          if (this.#state.fs.stat(normalize(path, this.#state.cwd))) next.push(path);
          continue;
        }
        const dir = normalize(base === '' ? '.' : base, this.#state.cwd);
        if (this.#state.fs.stat(dir)?.kind !== 'dir') continue;
        for (const name of this.#state.fs.list(dir)) {
          if ((!name.startsWith('.') || segment.startsWith('.')) && expression.test(name)) next.push(join(name));
        }
      }
      paths = next;
    }
    return paths.length > 0 ? paths : [text];
  }
}

/** Splits at IFS: white space runs count as one, other characters one each. The first and last piece may be ''. */
function splitFields(value: string, ifs: string): string[] {
  if (ifs === '') return [value];
  const pieces: string[] = [];
  let current = '';
  let i = 0;
  const isSpace = (c: string) => ' \t\n'.includes(c) && ifs.includes(c);
  while (i < value.length) {
    const c = value[i]!;
    if (!ifs.includes(c)) {
      current += c;
      i++;
      continue;
    }
    pieces.push(current);
    current = '';
    while (i < value.length && isSpace(value[i]!)) i++;
    if (i < value.length && ifs.includes(value[i]!) && !isSpace(c)) i++;
    else if (!isSpace(c)) i++;
    while (i < value.length && isSpace(value[i]!)) i++;
  }
  pieces.push(current);
  return pieces;
}

function strip(value: string, op: string, pattern: string): string {
  const expression = patternToRegExp(pattern);
  const lengths = Array.from({ length: value.length + 1 }, (_, n) => n);
  // The longest match first for ## and %%, the shortest for # and %.
  if (op === '##' || op === '%%') lengths.reverse();
  for (const n of lengths) {
    if (op.startsWith('#') && expression.test(value.slice(0, n))) return value.slice(n);
    if (op.startsWith('%') && expression.test(value.slice(value.length - n))) return value.slice(0, value.length - n);
  }
  return value;
}

function tilde(word: Word, state: ShellState): Word {
  const [first] = word;
  if (first?.kind !== 'text' || first.quoted || !/^~(\/|$)/.test(first.text)) return word;
  const home = state.get('HOME') ?? '/root';
  return [{ kind: 'text', text: home + first.text.slice(1), quoted: false }, ...word.slice(1)];
}

/** Most fields one brace expression may make. */
const maxBraceFields = 10_000;

/** `{a,b}` and `{1..5}` in unquoted text, as bash has them. */
function expandBraces(word: Word): Word[] {
  for (const [i, part] of word.entries()) {
    if (part.kind !== 'text' || part.quoted) continue;
    const range = /\{(-?\d+)\.\.(-?\d+)\}/.exec(part.text);
    const list = /\{([^{}]*,[^{}]*)\}/.exec(part.text);
    const match = range ?? list;
    if (!match) continue;
    const items = range ? numbers(Number(range[1]), Number(range[2])) : list![1]!.split(',');
    return items.flatMap((item) => {
      const text = part.text.slice(0, match.index) + item + part.text.slice(match.index + match[0].length);
      return expandBraces([...word.slice(0, i), { kind: 'text', text, quoted: false }, ...word.slice(i + 1)]);
    });
  }
  return [word];
}

function numbers(from: number, to: number): string[] {
  const out: string[] = [];
  const step = from <= to ? 1 : -1;
  for (let n = from; out.length < maxBraceFields; n += step) {
    out.push(String(n));
    if (n === to) break;
  }
  return out;
}
