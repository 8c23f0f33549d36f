/**
 * Values at run time. null, boolean, string stand for themselves, bigint is int, number is double; errors are values,
 * for `||`, `&&` and macros may swallow them. Upstream: cel-go common/types.
 */
import { rfc3339Nano } from './time.ts';

export type Bytes = Uint8Array;

export class Uint {
  readonly value: bigint;

  constructor(value: bigint) {
    this.value = value;
  }
}

/** Nanoseconds since 1970. */
export class Timestamp {
  readonly ns: bigint;

  constructor(ns: bigint) {
    this.ns = ns;
  }
}

export class Duration {
  readonly ns: bigint;

  constructor(ns: bigint) {
    this.ns = ns;
  }
}

export class TypeValue {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

export class Optional {
  static readonly none: Optional = new Optional(undefined);
  readonly value: Value | undefined;

  constructor(value: Value | undefined) {
    this.value = value;
  }
}

/** What evaluating came to, where it came to nothing. */
export class CelFailure {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

/** A value of one of Kubernetes' types: quantity, URL, IP, authorizer … */
export abstract class OpaqueValue {
  abstract readonly typeName: string;
  abstract equals(other: Value): boolean;
  /** For `size`-like costs; undefined: 1. */
  size(): number | undefined {
    return undefined;
  }
}

export abstract class CelList {
  abstract readonly items: readonly Value[];

  get length(): number {
    return this.items.length;
  }

  /** Equality and `+` differ for lists of type set and map. */
  equals(other: CelList): boolean {
    if (this.length !== other.length) return false;
    const mine = this.items;
    const theirs = other.items;
    for (let i = 0; i < mine.length; i++) if (!valuesEqual(mine[i]!, theirs[i]!)) return false;
    return true;
  }

  concat(other: CelList): Value {
    if (other.length === 0) return this;
    return new ArrayList([...this.items, ...other.items]);
  }
}

export class ArrayList extends CelList {
  readonly items: readonly Value[];

  constructor(items: readonly Value[]) {
    super();
    this.items = items;
  }
}

/** The accumulator of a fold: grows in place, seen by nothing but its fold. */
export class GrowingList extends CelList {
  readonly items: Value[] = [];

  override concat(other: CelList): Value {
    for (const item of other.items) this.items.push(item);
    return this;
  }
}

export abstract class CelMap {
  abstract readonly size: number;
  /** undefined: no such key. */
  abstract get(key: Value): Value | undefined;
  abstract has(key: Value): boolean;
  abstract keys(): readonly Value[];
  /** `map`, or the name of an object's type. */
  get typeName(): string {
    return 'map';
  }

  equals(other: CelMap): boolean {
    if (this.size !== other.size) return false;
    for (const key of this.keys()) {
      const theirs = other.get(key);
      if (theirs === undefined || !valuesEqual(this.get(key)!, theirs)) return false;
    }
    return true;
  }
}

/** Keys equal to each other have one text; undefined for what cannot be a key. */
export function keyText(key: Value): string | undefined {
  switch (typeof key) {
    case 'string':
      return `s${key}`;
    case 'boolean':
      return `b${key}`;
    case 'bigint':
      return `n${key}`;
    case 'number':
      return Number.isInteger(key) ? `n${BigInt(key)}` : undefined;
    default:
      return key instanceof Uint ? `n${key.value}` : undefined;
  }
}

export class TableMap extends CelMap {
  readonly #entries: Map<string, readonly [Value, Value]>;

  constructor(entries: Map<string, readonly [Value, Value]> = new Map()) {
    super();
    this.#entries = entries;
  }

  static of(pairs: Iterable<readonly [Value, Value]>): TableMap {
    const entries = new Map<string, readonly [Value, Value]>();
    for (const pair of pairs) entries.set(keyText(pair[0])!, pair);
    return new TableMap(entries);
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: Value): Value | undefined {
    const text = keyText(key);
    return text === undefined ? undefined : this.#entries.get(text)?.[1];
  }

  has(key: Value): boolean {
    const text = keyText(key);
    return text !== undefined && this.#entries.has(text);
  }

  keys(): readonly Value[] {
    return [...this.#entries.values()].map(([key]) => key);
  }

  /** A map with one entry more; the given pairs must not be there yet. */
  with(pairs: Iterable<readonly [Value, Value]>): Value {
    const entries = new Map(this.#entries);
    for (const [key, value] of pairs) {
      const text = keyText(key);
      if (text === undefined) return new CelFailure(`unsupported key type: ${typeNameOf(key)}`);
      if (entries.has(text)) return new CelFailure(`insert failed: key ${formatValue(key)} already exists`);
      entries.set(text, [key, value]);
    }
    return new TableMap(entries);
  }
}

export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint
  | Bytes
  | Timestamp
  | Duration
  | TypeValue
  | Optional
  | CelList
  | CelMap
  | OpaqueValue
  | CelFailure;

export function typeNameOf(value: Value): string {
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'bigint':
      return 'int';
    case 'number':
      return 'double';
    case 'string':
      return 'string';
    default:
  }
  if (value === null) return 'null_type';
  if (value instanceof CelList) return 'list';
  if (value instanceof CelMap) return value.typeName;
  if (value instanceof Uint) return 'uint';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof Timestamp) return 'google.protobuf.Timestamp';
  if (value instanceof Duration) return 'google.protobuf.Duration';
  if (value instanceof TypeValue) return 'type';
  if (value instanceof Optional) return 'optional_type';
  if (value instanceof OpaqueValue) return value.typeName;
  return 'error';
}

/** The number of an int, uint or double; undefined for all else. */
function numeric(value: Value): bigint | number | undefined {
  if (typeof value === 'bigint' || typeof value === 'number') return value;
  return value instanceof Uint ? value.value : undefined;
}

/** CEL's `==`: values of different types differ, numbers are compared as numbers. */
export function valuesEqual(a: Value, b: Value): boolean {
  if (a === b) return !(typeof a === 'number' && Number.isNaN(a));
  const x = numeric(a);
  if (x !== undefined) {
    const y = numeric(b);
    // JavaScript compares bigint and number by their mathematical values.
    // biome-ignore lint/suspicious/noDoubleEquals: the comparison across number types is the point.
    return y !== undefined && x == y;
  }
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return false;
  if (a instanceof CelList) return b instanceof CelList && a.equals(b);
  if (a instanceof CelMap) return b instanceof CelMap && a.equals(b);
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  if (a instanceof Timestamp) return b instanceof Timestamp && a.ns === b.ns;
  if (a instanceof Duration) return b instanceof Duration && a.ns === b.ns;
  if (a instanceof TypeValue) return b instanceof TypeValue && a.name === b.name;
  if (a instanceof Optional) {
    if (!(b instanceof Optional)) return false;
    if (a.value === undefined || b.value === undefined) return a.value === b.value;
    return valuesEqual(a.value, b.value);
  }
  return a instanceof OpaqueValue && a.equals(b);
}

/** -1, 0, 1; undefined for values without an order among them. */
export function compareValues(a: Value, b: Value): number | undefined {
  const x = numeric(a);
  const y = numeric(b);
  if (x !== undefined && y !== undefined) return x < y ? -1 : x > y ? 1 : 0;
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  if (typeof a === 'boolean' && typeof b === 'boolean') return a === b ? 0 : a ? 1 : -1;
  if (a instanceof Timestamp && b instanceof Timestamp) return a.ns < b.ns ? -1 : a.ns > b.ns ? 1 : 0;
  if (a instanceof Duration && b instanceof Duration) return a.ns < b.ns ? -1 : a.ns > b.ns ? 1 : 0;
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  return undefined;
}

/** By code points, as Go compares UTF-8 text. */
function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // Halves of surrogate pairs stand above every other code unit.
    const lift = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);
    return lift(x) < lift(y) ? -1 : 1;
  }
  return a.length < b.length ? -1 : 1;
}

/** Number of code points. */
export function textLength(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length - 1; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit <= 0xdbff) {
      length--;
      i++;
    }
  }
  return length;
}

/** What run-time costs count: code points, bytes, items, entries; 1 for what has no size. */
export function sizeOf(value: Value): number {
  if (typeof value === 'string') return textLength(value);
  if (value instanceof CelList) return value.length;
  if (value instanceof CelMap) return value.size;
  if (value instanceof Uint8Array) return value.length;
  if (value instanceof Optional && value.value !== undefined) return sizeOf(value.value);
  if (value instanceof OpaqueValue) return value.size() ?? 1;
  return 1;
}

/** As Go's %v shows it in messages. */
export function formatValue(value: Value): string {
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Timestamp) return rfc3339Nano(value.ns);
  if (value instanceof TypeValue) return value.name;
  return value === null ? 'null' : String(value);
}

export const noSuchOverload = new CelFailure('no such overload');
