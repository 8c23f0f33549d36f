/**
 * How server-side apply sees a schema: what is a leaf, what is merged by key, what by name.
 * Upstream: structured-merge-diff/schema, kube-openapi/pkg/schemaconv.
 */

import { keyStep, valueStep } from './field-set.ts';
import { FormatError } from './format-error.ts';
import { isObject } from './json-value.ts';
import type { Schema, SchemaSet } from './schema.ts';

export type ScalarKind = 'numeric' | 'string' | 'boolean' | 'untyped';

export interface ListType {
  readonly relationship: 'atomic' | 'associative';
  /** Empty for sets. */
  readonly keys: readonly string[];
  /** Values of keys that an item leaves out, such as a port's protocol. */
  keyDefault(name: string): unknown;
  element(): TypeNode;
}

export interface MapType {
  readonly atomic: boolean;
  /** Type of a declared field. */
  field(name: string): TypeNode | undefined;
  /** Type of undeclared entries; undefined = there must be none. */
  element(): TypeNode | undefined;
}

/** A place of the schema. Where the schema says nothing, all three are present and the value decides. */
export interface TypeNode {
  readonly scalar?: ScalarKind;
  readonly list?: ListType;
  readonly map?: MapType;
}

/** Anything: maps by name, lists and scalars as a whole. */
export const untypedNode: TypeNode = {
  scalar: 'untyped',
  list: { relationship: 'atomic', keys: [], keyDefault: () => undefined, element: () => untypedNode },
  map: { atomic: false, field: () => undefined, element: () => untypedNode },
};

const nodes = new WeakMap<Schema, TypeNode>();

export function typeNodeOf(raw: Schema | undefined, schemas: SchemaSet): TypeNode {
  if (raw === undefined) return untypedNode;
  const schema = schemas.resolve(raw);
  let node = nodes.get(schema);
  if (!node) {
    node = makeNode(schema, schemas);
    nodes.set(schema, node);
  }
  return node;
}

function makeNode(schema: Schema, schemas: SchemaSet): TypeNode {
  if (schema.intOrString) return { scalar: 'untyped' };
  switch (schema.type) {
    case 'array':
      return { list: makeList(schema, schemas) };
    case 'object':
      return { map: makeMap(schema, schemas) };
    case 'integer':
    case 'number':
      return { scalar: 'numeric' };
    case 'boolean':
      return { scalar: 'boolean' };
    case 'string':
      return { scalar: schema.format === 'quantity' || schema.format === 'date-time' ? 'untyped' : 'string' };
    default:
      return untypedNode;
  }
}

function makeList(schema: Schema, schemas: SchemaSet): ListType {
  const keyed = schema.listType === 'map' && (schema.listMapKeys?.length ?? 0) > 0;
  return {
    relationship: keyed || schema.listType === 'set' ? 'associative' : 'atomic',
    keys: keyed ? schema.listMapKeys! : [],
    keyDefault: (name) => {
      const items = schema.items === undefined ? undefined : schemas.resolve(schema.items);
      const field = items?.properties?.[name];
      return field === undefined ? undefined : schemas.resolve(field).default;
    },
    element: () => typeNodeOf(schema.items, schemas),
  };
}

function makeMap(schema: Schema, schemas: SchemaSet): MapType {
  const { properties, additionalProperties: additional } = schema;
  const open =
    schema.preserveUnknownFields || schema.embeddedResource || additional === true || !(properties || additional);
  return {
    atomic: schema.mapType === 'atomic',
    field: (name) =>
      properties && Object.hasOwn(properties, name) ? typeNodeOf(properties[name], schemas) : undefined,
    element: () => {
      if (additional !== undefined && additional !== true) return typeNodeOf(additional, schemas);
      return open ? untypedNode : undefined;
    },
  };
}

export type Shape = 'map' | 'scalar' | 'list';

/** Which of a node's faces a value shows. Null and absent values take the first that there is. */
export function shapeOf(node: TypeNode, value: unknown): Shape {
  if (value !== undefined && value !== null) {
    if (Array.isArray(value)) {
      if (node.list) return 'list';
    } else if (isObject(value)) {
      if (node.map) return 'map';
    } else if (node.scalar) return 'scalar';
  }
  return node.map ? 'map' : node.scalar ? 'scalar' : 'list';
}

/** The step of a list item. @throws FormatError when the item has no key. */
export function itemStep(list: ListType, item: unknown): string {
  if (list.keys.length === 0) {
    if (Array.isArray(item))
      throw new FormatError('InvalidTyped', 'not supported: associative list with lists as elements');
    if (isObject(item)) {
      throw new FormatError('InvalidTyped', "associative list without keys has an element that's a map type");
    }
    if (item === null) {
      throw new FormatError('InvalidTyped', "associative list without keys has an element that's an explicit null");
    }
    return valueStep(item);
  }
  if (!isObject(item)) {
    const what = item === null ? 'a null element' : 'non-map elements';
    throw new FormatError('InvalidTyped', `associative list with keys may not have ${what}`);
  }
  const key: Record<string, unknown> = {};
  let found = false;
  for (const name of list.keys) {
    const value = Object.hasOwn(item, name) ? item[name] : list.keyDefault(name);
    if (value === undefined) continue;
    key[name] = value;
    found = true;
  }
  if (!found) {
    const keys = `[${list.keys.map((name) => JSON.stringify(name)).join(' ')}]`;
    throw new FormatError(
      'InvalidTyped',
      `associative list with keys has an element that omits all key fields ${keys} (and doesn't have default values for any key fields)`,
    );
  }
  return keyStep(key);
}
