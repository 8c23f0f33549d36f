/**
 * Pruning and defaulting of custom resources. Upstream: apiextensions-apiserver/pkg/apiserver/schema/{pruning,defaulting}.
 */
import { deepCopy, getOwn, isObject, setOwn } from './json-value.ts';
import type { Schema, SchemaSet } from './schema.ts';

export interface PruneOptions {
  /** The object itself is a resource: its apiVersion, kind and metadata stay. Default true. */
  readonly isResourceRoot?: boolean;
}

const resourceFields = new Set(['apiVersion', 'kind', 'metadata']);

/**
 * Drops fields the schema does not know, in place. `metadata` is the caller's (decode it with ObjectMeta's schema).
 * @returns `unknown field "spec.foo"`, sorted.
 */
export function pruneUnknownFields(
  object: Record<string, unknown>,
  schema: Schema,
  schemas: SchemaSet,
  options: PruneOptions = {},
): string[] {
  const pruner = new Pruner(schemas);
  const root = schemas.resolve(schema);
  pruner.prune(object, options.isResourceRoot === false ? root : { ...root, embeddedResource: true }, '');
  return pruner.paths.sort().map((path) => `unknown field ${JSON.stringify(path)}`);
}

class Pruner {
  readonly paths: string[] = [];
  readonly #schemas: SchemaSet;

  constructor(schemas: SchemaSet) {
    this.#schemas = schemas;
  }

  /** Below `keep` (preserveUnknownFields) only what is specified is looked into. */
  prune(value: unknown, raw: Schema | undefined, path: string): void {
    const schema = raw === undefined ? undefined : this.#schemas.resolve(raw);
    const keep = schema?.preserveUnknownFields === true;
    if (Array.isArray(value)) {
      const items = schema?.items;
      for (const [i, item] of value.entries()) {
        if (items === undefined && keep) continue;
        // Items of a list that is preserved are preserved.
        const itemSchema = keep ? { ...this.#schemas.resolve(items!), preserveUnknownFields: true } : items;
        this.prune(item, itemSchema, `${path}[${i}]`);
      }
      return;
    }
    if (!isObject(value)) return;
    const properties = schema?.properties ?? {};
    const additional = schema?.additionalProperties;
    for (const key of Object.keys(value)) {
      if (schema?.embeddedResource && resourceFields.has(key)) continue;
      const at = path === '' ? key : `${path}.${key}`;
      if (Object.hasOwn(properties, key)) this.prune(value[key], properties[key], at);
      else if (additional === true) continue;
      else if (additional !== undefined) this.prune(value[key], additional, at);
      else if (!keep) {
        this.paths.push(at);
        delete value[key];
      }
    }
  }
}

/**
 * Fills `default`s in place; a null in a field that is not nullable counts as absent: it is replaced by the default, or
 * dropped when there is none.
 */
export function applySchemaDefaults(value: unknown, raw: Schema, schemas: SchemaSet): void {
  const schema = schemas.resolve(raw);
  if (Array.isArray(value)) {
    if (!schema.items) return;
    const items = schemas.resolve(schema.items);
    for (let i = 0; i < value.length; i++) {
      if (value[i] === null && !items.nullable && items.default !== undefined) value[i] = deepCopy(items.default);
      applySchemaDefaults(value[i], items, schemas);
    }
    return;
  }
  if (!isObject(value)) return;
  const properties = schema.properties ?? {};
  for (const key in properties) {
    const property = schemas.resolve(properties[key]!);
    if (property.default === undefined) continue;
    const current = getOwn(value, key);
    if (current === undefined || (current === null && !property.nullable)) {
      setOwn(value, key, deepCopy(property.default));
    }
  }
  for (const key of Object.keys(value)) {
    const raw = Object.hasOwn(properties, key) ? properties[key] : schema.additionalProperties;
    if (raw === undefined || raw === true) continue;
    const child = schemas.resolve(raw);
    if (value[key] === null && !child.nullable) {
      if (child.default !== undefined) setOwn(value, key, deepCopy(child.default));
      else delete value[key];
      continue;
    }
    applySchemaDefaults(value[key], child, schemas);
  }
}
