/**
 * JSON values as CEL sees them through their schema, converted as they are reached.
 * Upstream: apiserver/pkg/cel/common/{values,valuesunstructured}.go.
 */
import { deepEqual } from '../json-value.ts';
import { withTypeMeta } from './decl-type.ts';
import { escapeName, reservedWords, unescapeName } from './escaping.ts';
import { parseGoDuration, parseTimestamp } from './time.ts';
import type { JSONSchemaProps } from './types.ts';
import { CelFailure, CelList, CelMap, Duration, keyText, Timestamp, type Value, valuesEqual } from './values.ts';

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function goType(value: unknown): string {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'bigint') return 'int64';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  return Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}';
}

/** JSON without a schema: whole numbers are int, all others double. */
export function plainValue(json: unknown): Value {
  switch (typeof json) {
    case 'string':
    case 'boolean':
    case 'bigint':
      return json;
    case 'number':
      return Number.isInteger(json) ? BigInt(json) : json;
    default:
  }
  if (json === null || json === undefined) return null;
  if (Array.isArray(json)) return new PlainList(json);
  return new PlainMap(json as Json);
}

class PlainList extends CelList {
  readonly #json: readonly unknown[];
  #items: readonly Value[] | undefined;

  constructor(json: readonly unknown[]) {
    super();
    this.#json = json;
  }

  override get length(): number {
    return this.#json.length;
  }

  get items(): readonly Value[] {
    this.#items ??= this.#json.map(plainValue);
    return this.#items;
  }
}

class PlainMap extends CelMap {
  readonly #json: Json;

  constructor(json: Json) {
    super();
    this.#json = json;
  }

  get size(): number {
    return Object.keys(this.#json).length;
  }

  get(key: Value): Value | undefined {
    return this.has(key) ? plainValue(this.#json[key as string]) : undefined;
  }

  has(key: Value): boolean {
    return typeof key === 'string' && Object.hasOwn(this.#json, key);
  }

  keys(): readonly Value[] {
    return Object.keys(this.#json);
  }
}

/** An object with properties: names are escaped, nulls are absent, what the schema does not know is not seen. */
class SchemaObject extends CelMap {
  readonly json: Json;
  readonly #schema: JSONSchemaProps;

  constructor(json: Json, schema: JSONSchemaProps) {
    super();
    this.json = json;
    this.#schema = schema;
  }

  get size(): number {
    return Object.keys(this.json).length;
  }

  #property(key: Value): [value: unknown, schema: JSONSchemaProps] | undefined {
    if (typeof key !== 'string') return undefined;
    const name = reservedWords.has(key) ? key : unescapeName(key);
    const properties = this.#schema.properties;
    if (name === undefined || !properties || !Object.hasOwn(this.json, name)) return undefined;
    const value = this.json[name];
    if (value === null || value === undefined || !Object.hasOwn(properties, name)) return undefined;
    return [value, properties[name]!];
  }

  get(key: Value): Value | undefined {
    const found = this.#property(key);
    return found && schemaValue(found[0], found[1]);
  }

  has(key: Value): boolean {
    return this.#property(key) !== undefined;
  }

  keys(): readonly Value[] {
    const properties = this.#schema.properties ?? {};
    return Object.keys(this.json).flatMap((name) =>
      Object.hasOwn(properties, name) ? [escapeName(name) ?? name] : [],
    );
  }

  /** What the schema does not know is compared as JSON. */
  override equals(other: CelMap): boolean {
    if (!super.equals(other)) return false;
    if (!(other instanceof SchemaObject)) return true;
    const known = this.#schema.properties ?? {};
    return Object.keys(this.json).every(
      (name) =>
        Object.hasOwn(known, name) || !Object.hasOwn(other.json, name) || deepEqual(this.json[name], other.json[name]),
    );
  }
}

class SchemaMap extends CelMap {
  readonly #json: Json;
  readonly #element: JSONSchemaProps;

  constructor(json: Json, element: JSONSchemaProps) {
    super();
    this.#json = json;
    this.#element = element;
  }

  get size(): number {
    return Object.keys(this.#json).length;
  }

  get(key: Value): Value | undefined {
    return this.has(key) ? schemaValue(this.#json[key as string], this.#element) : undefined;
  }

  has(key: Value): boolean {
    return typeof key === 'string' && Object.hasOwn(this.#json, key);
  }

  keys(): readonly Value[] {
    return Object.keys(this.#json);
  }
}

class SchemaList extends CelList {
  readonly #json: readonly unknown[];
  readonly #element: JSONSchemaProps;
  #items: readonly Value[] | undefined;

  constructor(json: readonly unknown[], element: JSONSchemaProps) {
    super();
    this.#json = json;
    this.#element = element;
  }

  override get length(): number {
    return this.#json.length;
  }

  get items(): readonly Value[] {
    this.#items ??= this.#json.map((item) => schemaValue(item, this.#element));
    return this.#items;
  }
}

/** x-kubernetes-list-type: set. Order does not matter to `==`; `+` is the union. */
class SetList extends CelList {
  readonly items: readonly Value[];

  constructor(items: readonly Value[]) {
    super();
    this.items = items;
  }

  override equals(other: CelList): boolean {
    if (this.length !== other.length) return false;
    const mine = new Set(this.items.map(keyText));
    return other.items.every((item) => mine.has(keyText(item)));
  }

  override concat(other: CelList): Value {
    const mine = new Set(this.items.map(keyText));
    const items = [...this.items];
    for (const item of other.items) {
      const text = keyText(item);
      if (mine.has(text)) continue;
      mine.add(text);
      items.push(item);
    }
    return new SetList(items);
  }
}

/** x-kubernetes-list-type: map. Order does not matter to `==`; `+` overwrites entries of the same keys in place. */
class MapList extends CelList {
  readonly items: readonly Value[];
  readonly #keys: readonly string[];

  constructor(items: readonly Value[], keys: readonly string[]) {
    super();
    this.items = items;
    this.#keys = keys;
  }

  #keyOf(item: Value): string {
    if (!(item instanceof CelMap)) return '';
    return this.#keys
      .map((key) => {
        const value = item.get(key);
        return value === undefined ? '' : (keyText(value) ?? '');
      })
      .join('\u0000');
  }

  override equals(other: CelList): boolean {
    if (this.length !== other.length) return false;
    const mine = new Map(this.items.map((item) => [this.#keyOf(item), item]));
    return other.items.every((item) => {
      const found = mine.get(this.#keyOf(item));
      return found !== undefined && valuesEqual(found, item);
    });
  }

  override concat(other: CelList): Value {
    const items = [...this.items];
    const positions = new Map(items.map((item, i) => [this.#keyOf(item), i]));
    for (const item of other.items) {
      const at = positions.get(this.#keyOf(item));
      if (at === undefined) items.push(item);
      else items[at] = item;
    }
    return new MapList(items, this.#keys);
  }
}

function listValue(json: unknown, schema: JSONSchemaProps): Value {
  if (!Array.isArray(json)) {
    return new CelFailure('invalid data, expected an array for the provided schema with type=array');
  }
  const { items } = schema;
  if (!items) return new CelFailure('invalid array type, expected Items with a non-empty Schema');
  switch (schema['x-kubernetes-list-type']) {
    case 'set':
      return new SetList(json.map((item) => schemaValue(item, items)));
    case 'map': {
      const keys = schema['x-kubernetes-list-map-keys'] ?? [];
      const values = json.map((item) => schemaValue(item, items));
      return new MapList(
        values,
        keys.map((key) => escapeName(key) ?? key),
      );
    }
    default:
      return new SchemaList(json, items);
  }
}

function textValue(json: unknown, schema: JSONSchemaProps): Value {
  if (typeof json !== 'string') return new CelFailure(`invalid data, expected string, got ${goType(json)}`);
  switch (schema.format) {
    case 'duration': {
      const ns = parseDayDuration(json);
      return ns === undefined
        ? new CelFailure(`Invalid duration ${json}: unable to parse ${json} as duration`)
        : new Duration(ns);
    }
    case 'date': {
      const ns = parseTimestamp(`${json}T00:00:00Z`);
      if (ns !== undefined) return new Timestamp(ns);
      const why = `parsing time ${JSON.stringify(json)} as "2006-01-02": cannot parse`;
      return new CelFailure(`Invalid date formatted string ${json}: ${why}`);
    }
    case 'date-time': {
      const ns = parseTimestamp(json);
      if (ns !== undefined) return new Timestamp(ns);
      return new CelFailure(`Invalid date-time formatted string ${json}: cannot parse`);
    }
    case 'byte':
      return Buffer.from(json, 'base64');
    default:
      return json;
  }
}

const looseUnits: readonly (readonly [names: RegExp, ns: bigint])[] = [
  [/^(ns|nanos?|nanoseconds?)$/i, 1n],
  [/^(us|µs|micros?|microseconds?)$/i, 1000n],
  [/^(ms|millis?|milliseconds?)$/i, 1_000_000n],
  [/^(s|secs?|seconds?)$/i, 1_000_000_000n],
  [/^(m|mins?|minutes?)$/i, 60_000_000_000n],
  [/^(h|hrs?|hours?)$/i, 3_600_000_000_000n],
  [/^(d|days?)$/i, 86_400_000_000_000n],
  [/^(w|wks?|weeks?)$/i, 604_800_000_000_000n],
];

/** Go's durations, and the words of OpenAPI's format library: `3 days`. Upstream: kube-openapi strfmt/duration.go. */
function parseDayDuration(text: string): bigint | undefined {
  const go = parseGoDuration(text);
  if (go !== undefined) return go;
  const match = /^(\d+)\s*([a-zµ]+)$/i.exec(text.trim());
  const unit = match && looseUnits.find(([names]) => names.test(match[2]!));
  return unit ? BigInt(match[1]!) * unit[1] : undefined;
}

export function schemaValue(json: unknown, schema: JSONSchemaProps): Value {
  if (json === null || json === undefined) {
    return schema.nullable ? null : new CelFailure('invalid data, got null for schema with nullable=false');
  }
  if (schema['x-kubernetes-int-or-string']) {
    if (typeof json === 'string' || typeof json === 'bigint') return json;
    if (typeof json === 'number' && Number.isInteger(json)) return BigInt(json);
    return new CelFailure('invalid data, expected XIntOrString value to be either a string or integer');
  }
  switch (schema.type) {
    case 'object':
      return objectValue(json, schema);
    case 'array':
      return listValue(json, schema);
    case 'string':
      return textValue(json, schema);
    case 'number':
      if (typeof json === 'number') return json;
      if (typeof json === 'bigint') return Number(json);
      return new CelFailure(`invalid data, expected float, got ${goType(json)}`);
    case 'integer':
      if (typeof json === 'bigint') return json;
      if (typeof json === 'number' && Number.isInteger(json)) return BigInt(json);
      return new CelFailure(`invalid data, expected int, got ${goType(json)}`);
    case 'boolean':
      return typeof json === 'boolean' ? json : new CelFailure(`invalid data, expected bool, got ${goType(json)}`);
    default:
      if (schema['x-kubernetes-preserve-unknown-fields']) return plainValue(json);
      return new CelFailure(
        'invalid type, expected object, array, number, integer, boolean or string, or no type with x-kubernetes-int-or-string or x-kubernetes-preserve-unknown-fields is true',
      );
  }
}

function objectValue(json: unknown, schema: JSONSchemaProps): Value {
  if (!isObject(json)) {
    return new CelFailure('invalid data, expected a map for the provided schema with type=object');
  }
  if (schema['x-kubernetes-embedded-resource']) return new SchemaObject(json, withTypeMeta(schema));
  if (schema.properties) return new SchemaObject(json, schema);
  if (typeof schema.additionalProperties === 'object') return new SchemaMap(json, schema.additionalProperties);
  return new SchemaObject(json, schema);
}
