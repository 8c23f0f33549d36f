/**
 * From the schema of a CustomResourceDefinition to ours. Upstream: apiextensions-apiserver/pkg/apiserver/schema/convert.go,
 * pkg/apiserver/validation/validation.go (ConvertJSONSchemaProps).
 */
import { isObject, type Schema } from '../../apimachinery/index.ts';

/** apiextensions/v1 JSONSchemaProps as it stands in an object. */
export type SchemaProps = Readonly<Record<string, any>>;

/** Keywords that both forms call alike. */
const alike = [
  'type',
  'format',
  'title',
  'description',
  'enum',
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
  'required',
  'nullable',
] as const;

const extensions = [
  ['x-kubernetes-preserve-unknown-fields', 'preserveUnknownFields'],
  ['x-kubernetes-embedded-resource', 'embeddedResource'],
  ['x-kubernetes-int-or-string', 'intOrString'],
  ['x-kubernetes-list-type', 'listType'],
  ['x-kubernetes-list-map-keys', 'listMapKeys'],
  ['x-kubernetes-map-type', 'mapType'],
  ['x-kubernetes-validations', 'validations'],
] as const;

/** The whole schema, value validations included. Keywords that Kubernetes refuses in definitions are not looked at. */
export function schemaFromProps(props: SchemaProps): Schema {
  const schema: Record<string, unknown> = {};
  for (const keyword of alike) if (isGiven(props[keyword])) schema[keyword] = props[keyword];
  if (props['default'] !== undefined && props['default'] !== null) schema['default'] = props['default'];
  for (const [from, to] of extensions) if (isGiven(props[from])) schema[to] = props[from];
  if (isObject(props['properties'])) {
    const properties: [string, Schema][] = [];
    for (const [name, property] of Object.entries(props['properties'])) {
      properties.push([name, schemaFromProps(property as SchemaProps)]);
    }
    // A property may be called __proto__.
    schema['properties'] = Object.fromEntries(properties);
  }
  if (isObject(props['items'])) schema['items'] = schemaFromProps(props['items']);
  const additional = props['additionalProperties'];
  if (additional === true) schema['additionalProperties'] = true;
  else if (isObject(additional)) schema['additionalProperties'] = schemaFromProps(additional);
  for (const keyword of ['allOf', 'anyOf', 'oneOf']) {
    const parts = props[keyword];
    if (Array.isArray(parts) && parts.length > 0) schema[keyword] = parts.map(schemaFromProps);
  }
  if (isObject(props['not'])) schema['not'] = schemaFromProps(props['not']);
  return schema;
}

/** Null, false, the empty text and the empty list say what an absent keyword says. */
function isGiven(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === '') return false;
  return !(Array.isArray(value) && value.length === 0);
}

/** True when `test` holds for the schema or one below it, value validations apart. */
export function someSchema(schema: Schema, test: (schema: Schema) => boolean): boolean {
  if (test(schema)) return true;
  for (const property of Object.values(schema.properties ?? {})) if (someSchema(property, test)) return true;
  if (schema.items && someSchema(schema.items, test)) return true;
  const { additionalProperties: additional } = schema;
  return additional !== undefined && additional !== true && someSchema(additional, test);
}
