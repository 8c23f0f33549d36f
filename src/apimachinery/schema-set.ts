/** Named schema definitions and following references. */
import { assert } from '../base/index.ts';
import type { Schema, SchemaSet } from './schema.ts';

/** A set over given definitions; what stands beside a `ref` (default, merge keys) overrides the definition. */
export function createSchemaSet(definitions: Readonly<Record<string, Schema>>): SchemaSet {
  const resolved = new WeakMap<Schema, Schema>();
  const get = (name: string): Schema | undefined => (Object.hasOwn(definitions, name) ? definitions[name] : undefined);
  return {
    get,
    names: () => Object.keys(definitions),
    resolve(schema) {
      if (schema.ref === undefined) return schema;
      const known = resolved.get(schema);
      if (known) return known;
      const { ref, ...beside } = schema;
      const target = get(ref);
      assert(target, `no schema definition ${ref}`);
      const result = Object.keys(beside).length === 0 ? target : { ...target, ...beside };
      resolved.set(schema, result);
      return result;
    },
  };
}

/** For schemas without references, such as a CRD's. */
export const emptySchemaSet: SchemaSet = createSchemaSet({});
