/**
 * What makes an object fit its schema: metadata typed, unknown fields and nulls dropped, defaults filled in. Upstream:
 * apiextensions-apiserver/pkg/apiserver/customresource_handler.go (unstructuredSchemaCoercer), pkg/apiserver/schema.
 */
import {
  applySchemaDefaults,
  decodeTyped,
  deepCopy,
  FormatError,
  fieldErrorMessage,
  isObject,
  type KubeObject,
  pruneUnknownFields,
  type Schema,
  type SchemaSet,
} from '../../apimachinery/index.ts';
import { someSchema } from './schema.ts';

type Fields = Record<string, unknown>;

const objectMeta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';

export class Coercion {
  readonly schema: Schema;
  readonly #schemas: SchemaSet;
  readonly #meta: Schema;
  readonly #embeds: boolean;

  /** `schema`: of the whole object. `schemas` knows ObjectMeta. */
  constructor(schema: Schema, schemas: SchemaSet) {
    this.schema = schema;
    this.#schemas = schemas;
    this.#meta = schemas.get(objectMeta) ?? { type: 'object', preserveUnknownFields: true };
    this.#embeds = someSchema(schema, (part) => part.embeddedResource === true);
  }

  /**
   * Changes what a client sent, in place.
   * @returns `unknown field "spec.foo"` for all that was dropped, in upstream's order.
   * @throws FormatError (InvalidTyped) for metadata of wrong types.
   */
  request(object: KubeObject): string[] {
    const unknown = this.#metadata(object, 'metadata');
    unknown.push(...this.prune(object));
    if (this.#embeds) this.#embedded(object, this.schema, '', unknown);
    this.fillDefaults(object);
    return unknown;
  }

  /** Drops unknown fields and nulls that say nothing, in place: all that happens to an object that is stored. */
  prune(object: KubeObject): string[] {
    const unknown = pruneUnknownFields(object, this.schema, this.#schemas, { isResourceRoot: true });
    dropNulls(object, this.schema);
    return unknown;
  }

  fillDefaults(object: KubeObject): void {
    applySchemaDefaults(object, this.schema, this.#schemas);
  }

  /** A stored object as it is read now: itself when its schema has nothing to change. */
  stored(object: Readonly<KubeObject>, apiVersion: string): Readonly<KubeObject> {
    const fits = fitsObject(object, this.schema, false, true);
    if (fits && object.apiVersion === apiVersion) return object;
    if (fits) return { ...object, apiVersion };
    const copy = deepCopy(object) as KubeObject;
    copy.apiVersion = apiVersion;
    this.prune(copy);
    this.fillDefaults(copy);
    return copy;
  }

  #metadata(holder: Fields, path: string): string[] {
    const { metadata } = holder;
    if (!isObject(metadata)) {
      const what = Array.isArray(metadata) ? 'array' : typeof metadata === 'boolean' ? 'bool' : typeof metadata;
      throw new FormatError('InvalidTyped', `json: cannot unmarshal ${what} into Go value of type v1.ObjectMeta`);
    }
    const unknown = decodeTyped(metadata, this.#meta, this.#schemas, { kind: 'ObjectMeta' });
    return unknown.map((text) => text.replace('unknown field "', `unknown field "${path}.`));
  }

  /** Embedded objects have metadata of their own. */
  #embedded(value: unknown, schema: Schema | undefined, path: string, unknown: string[]): void {
    if (schema === undefined) return;
    if (Array.isArray(value)) {
      for (const [i, item] of value.entries()) this.#embedded(item, schema.items, `${path}[${i}]`, unknown);
      return;
    }
    if (!isObject(value)) return;
    if (schema.embeddedResource) this.#embeddedResource(value, path, unknown);
    for (const key of Object.keys(value)) {
      const at = path === '' ? key : `${path}.${key}`;
      this.#embedded(value[key], schemaBelow(schema, key), at, unknown);
    }
  }

  #embeddedResource(value: Fields, path: string, unknown: string[]): void {
    for (const key of ['apiVersion', 'kind']) {
      if (value[key] === undefined || typeof value[key] === 'string') continue;
      const error = { type: 'FieldValueInvalid', field: '', badValue: value[key], detail: 'must be a string' } as const;
      throw new FormatError('InvalidTyped', `${path}.${key}: ${fieldErrorMessage(error)}`);
    }
    if (value['metadata'] === undefined) return;
    try {
      unknown.push(...this.#metadata(value, `${path}.metadata`));
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      const detail = error.message;
      const text = fieldErrorMessage({ type: 'FieldValueInvalid', field: '', badValue: value['metadata'], detail });
      throw new FormatError('InvalidTyped', `${path}.metadata: ${text}`);
    }
  }
}

/** Schema of a field or of a map's entry; undefined where nothing is specified. */
export function schemaBelow(schema: Schema, key: string): Schema | undefined {
  if (schema.properties && Object.hasOwn(schema.properties, key)) return schema.properties[key];
  const { additionalProperties: additional } = schema;
  return additional === true ? undefined : additional;
}

/** A null where none may stand is as good as absent; with a default, the default takes its place later. */
function dropNulls(value: unknown, schema: Schema | undefined): void {
  if (schema === undefined) return;
  if (Array.isArray(value)) {
    for (const item of value) dropNulls(item, schema.items);
  } else if (isObject(value)) {
    for (const key of Object.keys(value)) {
      const below = schemaBelow(schema, key);
      if (value[key] !== null) dropNulls(value[key], below);
      else if (below && !below.nullable && below.default === undefined) delete value[key];
    }
  }
}

const defaulted = new WeakMap<Schema, readonly string[]>();

function defaultedFields(schema: Schema): readonly string[] {
  let fields = defaulted.get(schema);
  if (!fields) {
    fields = Object.entries(schema.properties ?? {})
      .filter(([, property]) => property.default !== undefined)
      .map(([name]) => name);
    defaulted.set(schema, fields);
  }
  return fields;
}

const ownFields = new Set(['apiVersion', 'kind', 'metadata']);

/** True when pruning and defaulting would leave the value as it is: the reading twin of what `stored` does to a copy. */
function fitsObject(value: unknown, schema: Schema | undefined, inherited: boolean, isRoot = false): boolean {
  const keep = inherited || schema?.preserveUnknownFields === true;
  if (Array.isArray(value)) {
    const items = schema?.items;
    if (items === undefined) return keep || !value.some((item) => typeof item === 'object' && item !== null);
    for (const item of value) {
      if (item === null && !items.nullable && items.default !== undefined) return false;
      if (typeof item === 'object' && item !== null && !fitsObject(item, items, keep)) return false;
    }
    return true;
  }
  if (!isObject(value)) return true;
  const resource = isRoot || schema?.embeddedResource === true;
  for (const key in value) {
    const below = schema && schemaBelow(schema, key);
    const current = value[key];
    if (below === undefined) {
      if (keep || schema?.additionalProperties === true || (resource && ownFields.has(key))) continue;
      return false;
    }
    if (current === null) {
      if (!below.nullable) return false;
    } else if (typeof current === 'object' && !(resource && ownFields.has(key))) {
      if (!fitsObject(current, below, false)) return false;
    }
  }
  if (schema) for (const key of defaultedFields(schema)) if (value[key] === undefined) return false;
  return true;
}
