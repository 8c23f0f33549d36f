/** Reads a document field by field; every mistake says file:line:column. */
import { parseDuration, parseQuantity, wholeValueOf, type YamlDocument } from '../../../../apimachinery/index.ts';

/** A user's image that cannot be used. `message` has a line a mistake, each beginning with file:line:column. */
export class ImageSourceError extends Error {
  override readonly name = 'ImageSourceError';
}

type Step = string | number;

export class Fields {
  readonly #document: YamlDocument;
  readonly #path: readonly Step[];
  readonly #value: Readonly<Record<string, unknown>>;
  readonly #problems: string[];
  readonly #read = new Set<string>();

  constructor(document: YamlDocument, path: readonly Step[], value: unknown, problems: string[]) {
    this.#document = document;
    this.#path = path;
    this.#problems = problems;
    const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
    this.#value = isMap ? (value as Record<string, unknown>) : {};
    if (value !== undefined && value !== null && !isMap) this.#problem([], 'must be a mapping');
  }

  static of(document: YamlDocument, problems: string[]): Fields {
    return new Fields(document, [], document.value, problems);
  }

  has(name: string): boolean {
    return this.#value[name] !== undefined && this.#value[name] !== null;
  }

  /** A nested mapping; an empty one when absent. */
  map(name: string): Fields {
    return new Fields(this.#document, [...this.#path, name], this.#take(name), this.#problems);
  }

  /** A list of mappings; a single one counts as a list of one. */
  maps(name: string): Fields[] {
    const value = this.#take(name);
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value)) return [new Fields(this.#document, [...this.#path, name], value, this.#problems)];
    return value.map((item, i) => new Fields(this.#document, [...this.#path, name, i], item, this.#problems));
  }

  text(name: string): string | undefined;
  text(name: string, standard: string): string;
  text(name: string, standard?: string): string | undefined {
    const value = this.#take(name);
    if (value === undefined || value === null) return standard;
    if (typeof value === 'string') return value;
    if (typeof value === 'number' || typeof value === 'boolean') return String(value);
    this.#problem([name], 'must be text');
    return standard;
  }

  /** Text as it stands, or a mapping or list written as JSON. */
  content(name: string): { readonly text: string; readonly json: boolean } {
    const value = this.#take(name);
    if (value === undefined || value === null) return { text: '', json: false };
    if (typeof value === 'object') return { text: `${JSON.stringify(value)}\n`, json: true };
    return { text: String(value), json: false };
  }

  texts(name: string): Readonly<Record<string, string>> {
    const value = this.#take(name);
    if (value === undefined || value === null) return {};
    if (typeof value !== 'object' || Array.isArray(value)) {
      this.#problem([name], 'must be a mapping');
      return {};
    }
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key.toLowerCase(), String(item)]));
  }

  /** A list of words, or a text of words. */
  words(name: string): readonly string[] {
    const value = this.#take(name);
    if (Array.isArray(value)) return value.map(String);
    if (typeof value === 'string' && value.trim() !== '') return value.trim().split(/\s+/);
    this.#problem([name], 'must be a list of words, as in [status, --short]');
    return [];
  }

  numbers(name: string, min: number, max: number): readonly number[] {
    const value = this.#take(name);
    if (value === undefined || value === null) return [];
    return (Array.isArray(value) ? value : [value]).map((item, i) => {
      if (Number.isSafeInteger(item) && (item as number) >= min && (item as number) <= max) return item as number;
      this.#problem([name, i], `must be a whole number from ${min} to ${max}`);
      return min;
    });
  }

  number(name: string, min: number, max: number, standard: number, whole = true): number {
    const value = this.#take(name);
    if (value === undefined || value === null) return standard;
    if (typeof value === 'number' && value >= min && value <= max && (!whole || Number.isSafeInteger(value))) {
      return value;
    }
    this.#problem([name], `must be a ${whole ? 'whole ' : ''}number from ${min} to ${max}`);
    return standard;
  }

  flag(name: string): boolean {
    const value = this.#take(name);
    if (value === undefined || value === null || typeof value === 'boolean') return value === true;
    this.#problem([name], 'must be true or false');
    return false;
  }

  oneOf<T extends string>(name: string, words: readonly T[], standard: T): T {
    const value = this.#take(name);
    if (value === undefined || value === null) return standard;
    if (words.includes(value as T)) return value as T;
    this.#problem([name], `must be ${words.join(' or ')}`);
    return standard;
  }

  /** Milliseconds of `90s`, `1m30s`, `200ms`. */
  duration(name: string): number | undefined;
  duration(name: string, standard: number): number;
  duration(name: string, standard?: number): number | undefined {
    const value = this.#take(name);
    if (value === undefined || value === null) return standard;
    try {
      const ms = parseDuration(String(value));
      if (ms >= 0) return ms;
    } catch {
      // Said below, with examples.
    }
    this.#problem([name], `must be a duration such as 500ms, 90s or 1h30m, not "${String(value)}"`);
    return standard;
  }

  /** Bytes of `64Mi`. */
  bytes(name: string): number | undefined;
  bytes(name: string, standard: number): number;
  bytes(name: string, standard?: number): number | undefined {
    const value = this.#take(name);
    if (value === undefined || value === null) return standard;
    try {
      if (parseQuantity(String(value)).sign >= 0) return wholeValueOf(String(value));
    } catch {
      // Said below, with examples.
    }
    this.#problem([name], `must be a quantity such as 64Mi, not "${String(value)}"`);
    return standard;
  }

  raw(name: string): unknown {
    return this.#take(name);
  }

  problem(name: string, text: string): void {
    this.#problem([name], text);
  }

  /** Call last: fields nobody asked for are mistakes. */
  end(): void {
    for (const name of Object.keys(this.#value)) {
      if (!this.#read.has(name)) this.#problem([name], `unknown field; there are ${[...this.#read].sort().join(', ')}`);
    }
  }

  #take(name: string): unknown {
    this.#read.add(name);
    return this.#value[name];
  }

  #problem(below: readonly Step[], text: string): void {
    const path = [...this.#path, ...below];
    const { file, line, column } = this.#document.locate(path);
    const field = path
      .map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`))
      .join('');
    this.#problems.push(`${file}:${line}:${column}: ${field === '' ? 'the document' : field} ${text}`);
  }
}
