/** Our schemas in the dialects of OpenAPI v2 and v3. Upstream: kube-openapi/pkg/common, apiextensions' openapi builder. */
import type { Schema } from '../../apimachinery/index.ts';
import type { DefinitionDocs } from '../schema/builtin.ts';

export type Dialect = 'v2' | 'v3';

export interface GroupVersionKindEntry {
  readonly group: string;
  readonly kind: string;
  readonly version: string;
}

type Json = Record<string, unknown>;

const prefixes: Readonly<Record<Dialect, string>> = { v2: '#/definitions/', v3: '#/components/schemas/' };

/** Keywords that mean the same in our form and in OpenAPI. */
const plainKeywords = [
  'title',
  'type',
  'format',
  'required',
  'enum',
  'default',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'minLength',
  'maxLength',
  'pattern',
  'minItems',
  'maxItems',
  'uniqueItems',
  'minProperties',
  'maxProperties',
  'multipleOf',
] as const;

const extensions = [
  ['listType', 'x-kubernetes-list-type'],
  ['listMapKeys', 'x-kubernetes-list-map-keys'],
  ['mapType', 'x-kubernetes-map-type'],
  ['patchMergeKey', 'x-kubernetes-patch-merge-key'],
  ['patchStrategy', 'x-kubernetes-patch-strategy'],
  ['preserveUnknownFields', 'x-kubernetes-preserve-unknown-fields'],
  ['embeddedResource', 'x-kubernetes-embedded-resource'],
  ['intOrString', 'x-kubernetes-int-or-string'],
  ['validations', 'x-kubernetes-validations'],
] as const;

/** Definitions that are values of a form of their own. */
const scalarForms: Readonly<Record<string, Readonly<Record<Dialect, Json>>>> = {
  'io.k8s.apimachinery.pkg.api.resource.Quantity': {
    v2: { type: 'string' },
    v3: { oneOf: [{ type: 'string' }, { type: 'number' }] },
  },
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': {
    v2: { type: 'string', format: 'int-or-string' },
    v3: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  },
  'io.k8s.apimachinery.pkg.apis.meta.v1.Time': {
    v2: { type: 'string', format: 'date-time' },
    v3: { type: 'string', format: 'date-time' },
  },
  'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime': {
    v2: { type: 'string', format: 'date-time' },
    v3: { type: 'string', format: 'date-time' },
  },
  'io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1': { v2: { type: 'object' }, v3: { type: 'object' } },
  'io.k8s.apimachinery.pkg.apis.meta.v1.Patch': { v2: { type: 'object' }, v3: { type: 'object' } },
  'io.k8s.apimachinery.pkg.runtime.RawExtension': { v2: { type: 'object' }, v3: { type: 'object' } },
};

function refForm(schema: Schema, dialect: Dialect): Json {
  const ref = { $ref: prefixes[dialect] + schema.ref };
  const beside: Json = {};
  if (schema.default !== undefined) beside['default'] = schema.default;
  addExtensions(beside, schema);
  if (dialect === 'v2') return { ...ref, ...beside };
  // In v3 nothing may stand beside $ref.
  return Object.keys(beside).length === 0 ? ref : { allOf: [ref], ...beside };
}

function addExtensions(target: Json, schema: Schema): void {
  for (const [keyword, extension] of extensions) {
    if (schema[keyword] !== undefined) target[extension] = schema[keyword];
  }
}

/** One schema, without the docs of a definition. */
export function schemaForm(schema: Schema, dialect: Dialect): Json {
  if (schema.ref !== undefined) return describe(refForm(schema, dialect), schema.description);
  const result: Json = {};
  if (schema.description !== undefined) result['description'] = schema.description;
  for (const keyword of plainKeywords) {
    if (schema[keyword] !== undefined) result[keyword] = schema[keyword];
  }
  if (schema.nullable === true && dialect === 'v3') result['nullable'] = true;
  // v2 clients read a map's value type; a v2 schema that is more than that confuses them.
  if (schema.properties !== undefined) {
    const properties: Json = {};
    for (const [name, property] of Object.entries(schema.properties)) properties[name] = schemaForm(property, dialect);
    result['properties'] = properties;
  }
  if (schema.items !== undefined) result['items'] = schemaForm(schema.items, dialect);
  if (schema.additionalProperties !== undefined) {
    const values = schema.additionalProperties;
    result['additionalProperties'] = values === true ? (dialect === 'v2' ? {} : true) : schemaForm(values, dialect);
  }
  if (dialect === 'v3') {
    for (const keyword of ['allOf', 'anyOf', 'oneOf'] as const) {
      if (schema[keyword] !== undefined) result[keyword] = schema[keyword].map((part) => schemaForm(part, dialect));
    }
    if (schema.not !== undefined) result['not'] = schemaForm(schema.not, dialect);
  }
  addExtensions(result, schema);
  return result;
}

/** A description beside what is there; a bare `$ref` moves into `allOf` in v3, which has no other place for it. */
function describe(form: Json, description: string | undefined): Json {
  if (description === undefined || description === '') return form;
  if (typeof form['$ref'] === 'string' && form['$ref'].startsWith(prefixes.v3)) {
    return { allOf: [{ $ref: form['$ref'] }], description };
  }
  return { description, ...form };
}

/** A whole definition: structure, docs, and the kinds it stands for. */
export function definitionForm(
  name: string,
  schema: Schema,
  docs: DefinitionDocs | undefined,
  kinds: readonly GroupVersionKindEntry[] | undefined,
  dialect: Dialect,
): Json {
  const form: Json = scalarForms[name]?.[dialect] ?? definitionBody(schema, docs, dialect);
  const result = describe({ ...form }, docs?.description ?? schema.description);
  if (docs !== undefined && docs.required.length > 0) result['required'] = [...docs.required].sort();
  if (kinds !== undefined) result['x-kubernetes-group-version-kind'] = kinds;
  return result;
}

function definitionBody(schema: Schema, docs: DefinitionDocs | undefined, dialect: Dialect): Json {
  // `preserveUnknownFields` of a built-in definition says "anything" and is nothing Kubernetes publishes.
  const { preserveUnknownFields, ...rest } = schema;
  const form = schemaForm(docs === undefined ? schema : rest, dialect);
  const properties = form['properties'] as Record<string, Json> | undefined;
  if (docs === undefined || properties === undefined) return form;
  for (const [property, text] of Object.entries(docs.properties)) {
    const value = properties[property];
    if (value !== undefined) properties[property] = describe(value, text);
  }
  if (dialect === 'v3') {
    for (const [property, values] of Object.entries(docs.enums)) addEnum(properties[property], values);
  }
  return form;
}

function addEnum(property: Json | undefined, values: readonly string[]): void {
  if (property === undefined) return;
  const target = property['type'] === 'array' ? (property['items'] as Json) : property;
  target['enum'] = values;
}

/** Names of the definitions that a schema refers to directly. */
export function collectRefs(schema: Schema, into: Set<string>): void {
  if (schema.ref !== undefined) into.add(schema.ref);
  for (const property of Object.values(schema.properties ?? {})) collectRefs(property, into);
  if (schema.items !== undefined) collectRefs(schema.items, into);
  if (schema.additionalProperties !== undefined && schema.additionalProperties !== true) {
    collectRefs(schema.additionalProperties, into);
  }
}
