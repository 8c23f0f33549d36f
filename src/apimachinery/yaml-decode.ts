/**
 * YAML (and JSON) manifests as kubectl reads them, with the place of every document and field.
 * The parser is js-yaml's event reader, which is fast and keeps offsets; what scalars mean is ours (yaml-scalar.ts).
 */
import { EVENT_ID, type Event, getScalarValue, parseEvents, SCALAR_STYLE_PLAIN, YAMLException } from 'js-yaml';
import { FormatError } from './format-error.ts';
import { deepCopy, isObject, setOwn } from './json-value.ts';
import type { SourcePosition } from './types.ts';
import { resolvePlain } from './yaml-scalar.ts';

export interface YamlDocument {
  readonly value: unknown;
  /** Where the document's first node starts; line and column count from 1. */
  readonly position: SourcePosition;
  /** `duplicate field "spec.foo"`; the last value wins. */
  readonly duplicates: readonly string[];
  /** Place of a field path such as `spec.containers[0].image`, or of its nearest ancestor that exists. */
  locate(path: string | readonly (string | number)[]): SourcePosition;
}

export interface DecodeYamlOptions {
  /** Name used in positions and errors. Default `<input>`. */
  readonly file?: string;
}

const depthMax = 1000;
/** Values that aliases may copy into one stream: a billion laughs stop here. */
const aliasNodesMax = 1_000_000;

/**
 * Reads all documents; empty ones are left out.
 * @throws FormatError (InvalidYaml), its message and `position` saying file, line and column.
 */
export function decodeYaml(text: string, options: DecodeYamlOptions = {}): YamlDocument[] {
  const source = new Source(text.startsWith('\uFEFF') ? text.slice(1) : text, options.file ?? '<input>');
  let events: Event[];
  try {
    events = parseEvents(source.text, { filename: source.file, maxDepth: depthMax });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    throw source.error(error.reason, error.mark?.position ?? 0, error);
  }
  return new Reader(source, events).documents();
}

class Source {
  readonly text: string;
  readonly file: string;
  #lineStarts: number[] | undefined;

  constructor(text: string, file: string) {
    this.text = text;
    this.file = file;
  }

  position(offset: number): SourcePosition {
    if (!this.#lineStarts) {
      this.#lineStarts = [0];
      for (let i = this.text.indexOf('\n'); i >= 0; i = this.text.indexOf('\n', i + 1)) this.#lineStarts.push(i + 1);
    }
    const starts = this.#lineStarts;
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { file: this.file, line: low + 1, column: offset - starts[low]! + 1 };
  }

  error(reason: string, offset: number, cause?: unknown): FormatError {
    const position = this.position(offset);
    return new FormatError('InvalidYaml', `${position.file}:${position.line}:${position.column}: ${reason}`, {
      cause,
      position,
    });
  }
}

class Reader {
  readonly #source: Source;
  readonly #events: readonly Event[];
  readonly #anchors = new Map<string, unknown>();
  readonly #path: string[] = [];
  #at = 0;
  #duplicates = new Set<string>();
  #copied = 0;

  constructor(source: Source, events: readonly Event[]) {
    this.#source = source;
    this.#events = events;
  }

  documents(): YamlDocument[] {
    const out: YamlDocument[] = [];
    while (this.#at < this.#events.length) {
      this.#at++; // The document event.
      const first = this.#at;
      this.#anchors.clear();
      this.#duplicates = new Set();
      if (this.#events[first]?.type === EVENT_ID.POP) {
        this.#at++;
        continue;
      }
      const value = this.#node();
      this.#at++; // Its pop.
      if (value === null) continue;
      out.push(this.#document(value, first));
    }
    return out;
  }

  #document(value: unknown, first: number): YamlDocument {
    const source = this.#source;
    const events = this.#events;
    return {
      value,
      position: source.position(startOf(events[first]!)),
      duplicates: [...this.#duplicates],
      locate(path) {
        const steps = typeof path === 'string' ? splitFieldPath(path) : path;
        return source.position(locateEvent(source.text, events, first, steps));
      },
    };
  }

  #node(): unknown {
    const event = this.#events[this.#at++]!;
    switch (event.type) {
      case EVENT_ID.SCALAR:
        return this.#anchor(event, this.#scalar(event));
      case EVENT_ID.SEQUENCE:
        return this.#anchor(event, this.#sequence());
      case EVENT_ID.MAPPING:
        return this.#anchor(event, this.#mapping());
      case EVENT_ID.ALIAS: {
        const name = this.#source.text.slice(event.anchorStart, event.anchorEnd);
        if (!this.#anchors.has(name))
          throw this.#source.error(`unknown anchor '${name}' referenced`, event.anchorStart);
        const value = this.#anchors.get(name);
        this.#copied += countNodes(value);
        if (this.#copied > aliasNodesMax) {
          throw this.#source.error('document contains excessive aliasing', event.anchorStart);
        }
        return deepCopy(value);
      }
      default:
        throw this.#source.error('unexpected end of a collection', 0);
    }
  }

  #anchor<T>(event: { anchorStart: number; anchorEnd: number }, value: T): T {
    if (event.anchorStart >= 0) this.#anchors.set(this.#source.text.slice(event.anchorStart, event.anchorEnd), value);
    return value;
  }

  #scalar(event: Extract<Event, { type: typeof EVENT_ID.SCALAR }>): unknown {
    const value = getScalarValue(this.#source.text, event);
    const tag = event.tagStart >= 0 ? this.#source.text.slice(event.tagStart, event.tagEnd) : '';
    const resolves = tag === '' ? event.style === SCALAR_STYLE_PLAIN : /^!!(null|bool|int|float)$/.test(tag);
    if (!resolves) return value;
    const scalar = resolvePlain(value);
    switch (scalar.kind) {
      case 'null':
        return null;
      case 'boolean':
        return scalar.value;
      case 'number':
        if (typeof scalar.value === 'number' && !Number.isFinite(scalar.value)) {
          throw this.#source.error(`json: unsupported value: ${value}`, event.valueStart);
        }
        return scalar.value;
      default:
        return value;
    }
  }

  #sequence(): unknown[] {
    const out: unknown[] = [];
    while (this.#events[this.#at]!.type !== EVENT_ID.POP) {
      this.#path.push(`[${out.length}]`);
      out.push(this.#node());
      this.#path.pop();
    }
    this.#at++;
    return out;
  }

  #mapping(): Record<string, unknown> {
    const out: Record<string, unknown> = {};
    const merged: Record<string, unknown>[] = [];
    while (this.#events[this.#at]!.type !== EVENT_ID.POP) {
      const keyEvent = this.#events[this.#at]!;
      const keyValue = this.#node();
      if (isObject(keyValue) || Array.isArray(keyValue)) {
        throw this.#source.error('a mapping key must be a scalar', startOf(keyEvent));
      }
      const key = keyText(keyValue);
      if (key === '<<' && keyEvent.type === EVENT_ID.SCALAR && keyEvent.style === SCALAR_STYLE_PLAIN) {
        merged.push(...this.#mergeSources(keyEvent));
        continue;
      }
      if (Object.hasOwn(out, key)) this.#duplicate(key);
      this.#path.push(this.#path.length === 0 ? key : `.${key}`);
      setOwn(out, key, this.#node());
      this.#path.pop();
    }
    this.#at++;
    for (const source of merged) {
      for (const key of Object.keys(source)) if (!Object.hasOwn(out, key)) setOwn(out, key, source[key]);
    }
    return out;
  }

  #mergeSources(keyEvent: Event): Record<string, unknown>[] {
    const value = this.#node();
    const sources = Array.isArray(value) ? value : [value];
    if (!sources.every(isObject)) {
      throw this.#source.error('map merge requires map or sequence of maps as the value', startOf(keyEvent));
    }
    return sources;
  }

  #duplicate(key: string): void {
    const path = this.#path.length === 0 ? key : `${this.#path.join('')}.${key}`;
    this.#duplicates.add(`duplicate field ${JSON.stringify(path)}`);
  }
}

function keyText(value: unknown): string {
  return value === null ? 'null' : String(value);
}

function countNodes(value: unknown): number {
  if (Array.isArray(value)) return value.reduce((count: number, item) => count + countNodes(item), 1);
  return isObject(value) ? Object.values(value).reduce((count: number, item) => count + countNodes(item), 1) : 1;
}

function startOf(event: Event): number {
  switch (event.type) {
    case EVENT_ID.SCALAR:
      // Quoted values start behind the quote.
      return event.style === SCALAR_STYLE_PLAIN ? event.valueStart : Math.max(0, event.valueStart - 1);
    case EVENT_ID.ALIAS:
      return event.anchorStart;
    case EVENT_ID.SEQUENCE:
    case EVENT_ID.MAPPING:
      return event.start;
    default:
      return 0;
  }
}

/** Index behind the node that starts at `at`. */
function skipNode(events: readonly Event[], at: number): number {
  const type = events[at]!.type;
  if (type !== EVENT_ID.SEQUENCE && type !== EVENT_ID.MAPPING) return at + 1;
  let next = at + 1;
  while (events[next]!.type !== EVENT_ID.POP) next = skipNode(events, next);
  return next + 1;
}

/** Offset of the field's key (or the item) at the end of the path, as far as the path exists. */
function locateEvent(
  text: string,
  events: readonly Event[],
  first: number,
  steps: readonly (string | number)[],
): number {
  let node = first;
  let offset = startOf(events[first]!);
  for (const step of steps) {
    const event = events[node]!;
    let child = -1;
    if (event.type === EVENT_ID.SEQUENCE) {
      let next = node + 1;
      for (let i = 0; events[next]!.type !== EVENT_ID.POP; i++) {
        if (i === Number(step)) child = next;
        next = skipNode(events, next);
      }
      if (child >= 0) offset = startOf(events[child]!);
    } else if (event.type === EVENT_ID.MAPPING) {
      let next = node + 1;
      while (events[next]!.type !== EVENT_ID.POP) {
        const key = events[next]!;
        const value = skipNode(events, next);
        if (key.type === EVENT_ID.SCALAR && getScalarValue(text, key) === String(step)) {
          child = value;
          offset = startOf(key);
        }
        next = skipNode(events, value);
      }
    }
    if (child < 0) return offset;
    node = child;
  }
  return offset;
}

/** `spec.containers[0].env[FOO]`, `metadata.labels[a.b/c]` → steps. */
export function splitFieldPath(path: string): (string | number)[] {
  const steps: (string | number)[] = [];
  for (const match of path.matchAll(/\[([^\]]*)\]|([^.[\]]+)/g)) {
    if (match[2] !== undefined) steps.push(match[2]);
    else steps.push(/^\d+$/.test(match[1]!) ? Number(match[1]) : match[1]!.replace(/^"(.*)"$/, '$1'));
  }
  return steps;
}
