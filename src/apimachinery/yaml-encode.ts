/**
 * YAML as `kubectl -o yaml` writes it: sorted keys, sequences level with their key, long plain text folded at 80.
 * Upstream: sigs.k8s.io/yaml with its goyaml.v2 emitter (a port of libyaml).
 */
import { isSexagesimal, resolvePlain } from './yaml-scalar.ts';

const widthMax = 80;
/** Longer keys are written as `? key`. */
const simpleKeyMax = 128;

/** YAML text of a JSON value, ending in a newline. */
export function encodeYaml(value: unknown): string {
  const emitter = new Emitter();
  emitter.root(value);
  return emitter.text();
}

/** Go's order of map keys: numbers inside by value, letters after other characters. */
export function compareKeys(a: string, b: string): number {
  const left = [...a];
  const right = [...b];
  for (let i = 0; i < left.length && i < right.length; i++) {
    if (left[i] === right[i]) continue;
    const leftLetter = /\p{L}/u.test(left[i]!);
    const rightLetter = /\p{L}/u.test(right[i]!);
    if (leftLetter && rightLetter) return left[i]!.codePointAt(0)! - right[i]!.codePointAt(0)!;
    if (leftLetter || rightLetter) return rightLetter ? -1 : 1;
    const leftRun = digitsFrom(left, i);
    const rightRun = digitsFrom(right, i);
    // After a digit other than 0, a 0 here is part of a larger number: both count as starting with 1.
    const inside = (left[i] === '0' || right[i] === '0') && hasNonZeroDigitBefore(left, i) ? '1' : '';
    const difference = Number(inside + leftRun) - Number(inside + rightRun);
    if (difference !== 0) return difference;
    if (leftRun.length !== rightRun.length) return leftRun.length - rightRun.length;
    return left[i]!.codePointAt(0)! - right[i]!.codePointAt(0)!;
  }
  return left.length - right.length;
}

function digitsFrom(characters: readonly string[], start: number): string {
  let end = start;
  while (end < characters.length && /[0-9]/.test(characters[end]!)) end++;
  return characters.slice(start, end).join('');
}

function hasNonZeroDigitBefore(characters: readonly string[], index: number): boolean {
  for (let i = index - 1; i >= 0 && /[0-9]/.test(characters[i]!); i--) if (characters[i] !== '0') return true;
  return false;
}

/** Go's shortest 'g' form. */
function floatText(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e21) return String(value);
  const [mantissa, exponent] = value.toExponential().split('e') as [string, string];
  const power = Number(exponent);
  if (power >= -4 && power < 21) {
    return power >= 6 && !Number.isInteger(value) ? `${mantissa}e+${String(power).padStart(2, '0')}` : String(value);
  }
  return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}

/** What libyaml's emitter finds out about a scalar. */
interface Analysis {
  readonly plain: boolean;
  readonly single: boolean;
  readonly block: boolean;
}

const isSpecial = (code: number): boolean =>
  !(
    code === 0x0a ||
    (code >= 0x20 && code <= 0x7e) ||
    (code >= 0xa0 && code <= 0xd7ff) ||
    (code >= 0xe000 && code <= 0xfffd && code !== 0xfeff)
  ) ||
  code === 0x2028 ||
  code === 0x2029;

function analyze(text: string): Analysis {
  if (text === '') return { plain: true, single: true, block: false };
  let plain = !text.startsWith('---') && !text.startsWith('...');
  let single = true;
  let block = true;
  const first = text[0]!;
  if ('#,[]{}&*!|>\'"%@`'.includes(first)) plain = false;
  else if ('?:-'.includes(first) && (text.length === 1 || /\s/.test(text[1]!))) plain = false;
  if (/:(\s|$)/.test(text.slice(1)) || /\s#/.test(text)) plain = false;
  if (/^[ \n]|[ \n]$|\n/.test(text)) plain = false;
  if (text.endsWith(' ')) block = false;
  if (/\n /.test(text)) single = false;
  let special = text.includes(' \n');
  for (let i = 0; i < text.length && !special; i++) special = isSpecial(text.charCodeAt(i));
  if (special) return { plain: false, single: false, block: false };
  return { plain, single, block };
}

const escapes: Readonly<Record<string, string>> = {
  '\0': '\\0',
  '\x07': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
  '\x1b': '\\e',
  '"': '\\"',
  '\\': '\\\\',
  '\x85': '\\N',
  '\u2028': '\\L',
  '\u2029': '\\P',
};

function escapeCharacter(character: string): string {
  const known = escapes[character];
  if (known !== undefined) return known;
  const code = character.codePointAt(0)!;
  const hex = code.toString(16).toUpperCase();
  if (code <= 0xff) return `\\x${hex.padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}

class Emitter {
  #out: string[] = [];
  #column = 0;

  text(): string {
    return this.#out.join('');
  }

  #write(text: string): void {
    this.#out.push(text);
    this.#column += text.length;
  }

  #newline(indent: number): void {
    this.#out.push(`\n${' '.repeat(indent)}`);
    this.#column = indent;
  }

  root(value: unknown): void {
    this.#node(value, 0, false);
    this.#out.push('\n');
  }

  /**
   * A node of which the first line starts where the text ends now. `indent`: column of its own lines.
   * `ofKey`: it is the value of a mapping whose entries stand at `indent - 2`, and `:` has been written.
   */
  #node(value: unknown, indent: number, ofKey: boolean): void {
    if (Array.isArray(value)) this.#sequence(value, ofKey ? indent - 2 : indent, ofKey);
    else if (typeof value === 'object' && value !== null)
      this.#mapping(value as Record<string, unknown>, indent, ofKey);
    else {
      if (ofKey) this.#write(' ');
      this.#scalar(value, ofKey ? indent : indent);
    }
  }

  #sequence(items: readonly unknown[], indent: number, ofKey: boolean): void {
    if (items.length === 0) {
      this.#write(ofKey ? ' []' : '[]');
      return;
    }
    for (const [i, item] of items.entries()) {
      if (ofKey || i > 0) this.#newline(indent);
      this.#write('- ');
      this.#node(item === undefined ? null : item, indent + 2, false);
    }
  }

  #mapping(value: Record<string, unknown>, indent: number, ofKey: boolean): void {
    const keys = Object.keys(value).filter((key) => value[key] !== undefined);
    if (keys.length === 0) {
      this.#write(ofKey ? ' {}' : '{}');
      return;
    }
    keys.sort(compareKeys);
    for (const [i, key] of keys.entries()) {
      if (ofKey || i > 0) this.#newline(indent);
      if (Buffer.byteLength(key) > simpleKeyMax || key.includes('\n')) {
        this.#write('? ');
        this.#text(key, indent + 2, false);
        this.#newline(indent);
      } else {
        this.#text(key, indent + 2, true);
      }
      this.#write(':');
      this.#node(value[key], indent + 2, true);
    }
  }

  #scalar(value: unknown, indent: number): void {
    switch (typeof value) {
      case 'string':
        this.#text(value, indent, false);
        break;
      case 'number':
        this.#write(floatText(value));
        break;
      default:
        this.#write(value === undefined ? 'null' : String(value));
    }
  }

  #text(text: string, indent: number, isKey: boolean): void {
    const { plain, single, block } = analyze(text);
    if (text.includes('\n')) {
      if (block && !isKey) this.#literal(text, indent);
      else this.#double(text, indent, isKey);
      return;
    }
    if (resolvePlain(text).kind !== 'string' || isSexagesimal(text)) this.#double(text, indent, isKey);
    else if (plain) this.#folded(text, indent, isKey);
    else if (single) {
      this.#write("'");
      this.#folded(text.replaceAll("'", "''"), indent, isKey, true);
      this.#write("'");
    } else this.#double(text, indent, isKey);
  }

  /** Breaks a line at single spaces beyond the width. */
  #folded(text: string, indent: number, isKey: boolean, quoted = false): void {
    let start = 0;
    if (!isKey && this.#column + text.length > widthMax) {
      for (let i = text.indexOf(' '); i >= 0; i = text.indexOf(' ', i + 1)) {
        const alone = text[i - 1] !== ' ' && text[i + 1] !== ' ';
        const inside = !quoted || (i > 0 && i < text.length - 1);
        if (!alone || !inside || this.#column + (i - start) <= widthMax) continue;
        this.#write(text.slice(start, i));
        this.#newline(indent);
        start = i + 1;
      }
    }
    this.#write(text.slice(start));
  }

  #double(text: string, indent: number, isKey: boolean): void {
    this.#write('"');
    const characters = [...text];
    let afterSpace = false;
    for (const [i, character] of characters.entries()) {
      if (character === ' ') {
        const fold = !isKey && !afterSpace && this.#column > widthMax && i > 0 && i < characters.length - 1;
        if (fold) {
          this.#newline(indent);
          if (characters[i + 1] === ' ') this.#write('\\');
        } else {
          this.#write(' ');
        }
        afterSpace = true;
        continue;
      }
      const code = character.codePointAt(0)!;
      const escaped = character === '"' || character === '\\' || code > 0xffff || code === 0x0a || isSpecial(code);
      this.#write(escaped ? escapeCharacter(character) : character);
      afterSpace = false;
    }
    this.#write('"');
  }

  #literal(text: string, indent: number): void {
    const hint = /^[ \n]/.test(text) ? '2' : '';
    const chomp = !text.endsWith('\n') ? '-' : text === '\n' || text.endsWith('\n\n') ? '+' : '';
    this.#write(`|${hint}${chomp}`);
    const lines = text.split('\n');
    if (text.endsWith('\n')) lines.pop();
    for (const line of lines) {
      if (line === '') this.#out.push('\n');
      else {
        this.#newline(indent);
        this.#write(line);
      }
    }
    // With `+` the kept blank lines end the scalar, and the emitter's next newline ends the last of them.
  }
}
