/**
 * Custom resources as OpenAPI shows them. Upstream: apiextensions-apiserver/pkg/controller/openapi/{builder,v2},
 * pkg/apiserver/schema/unfold.go.
 */
import type { Schema } from '../../apimachinery/index.ts';
import type { ResourceDefinition } from '../definition.ts';
import type { Dialect } from './schemas.ts';

const metaPrefix = 'io.k8s.apimachinery.pkg.apis.meta.v1.';
const integerOrString: readonly Schema[] = [{ type: 'integer' }, { type: 'string' }];

/** Texts of the fields that every object has, from a built-in kind. */
export interface MetaTexts {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: string;
  readonly listMetadata?: string;
}

function typeMeta(texts: MetaTexts): Record<string, Schema> {
  return {
    apiVersion: { type: 'string', ...described(texts.apiVersion) },
    kind: { type: 'string', ...described(texts.kind) },
  };
}

const described = (description: string | undefined): Pick<Schema, 'description'> =>
  description === undefined ? {} : { description };

/** The definition of a custom resource's object. */
export function customObjectSchema(schema: Schema, dialect: Dialect, texts: MetaTexts): Schema {
  // Clients of v2 take what is specified for all there is.
  if (dialect === 'v2' && schema.preserveUnknownFields) return { type: 'object' };
  const shown = dialect === 'v2' ? forV2(schema, texts) : forV3(schema, texts);
  const metadata: Schema = { ref: `${metaPrefix}ObjectMeta`, ...described(texts.metadata) };
  return { ...shown, properties: { ...shown.properties, ...typeMeta(texts), metadata } };
}

/** The definition of its list. `object`: name of the object's definition. */
export function customListSchema(row: ResourceDefinition, object: string, texts: MetaTexts): Schema {
  return {
    type: 'object',
    description: `${row.listKind} is a list of ${row.kind}`,
    required: ['items'],
    properties: {
      ...typeMeta(texts),
      items: {
        type: 'array',
        description: `List of ${row.plural}. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md`,
        items: { ref: object },
      },
      metadata: { ref: `${metaPrefix}ListMeta`, ...described(texts.listMetadata) },
    },
  };
}

/** The same change at every place where a value is specified. */
function below(schema: Schema, change: (part: Schema) => Schema): Schema {
  const { properties, items, additionalProperties: additional } = schema;
  return {
    ...schema,
    ...(properties
      ? { properties: Object.fromEntries(Object.entries(properties).map(([name, part]) => [name, change(part)])) }
      : {}),
    ...(items ? { items: change(items) } : {}),
    ...(additional !== undefined && additional !== true ? { additionalProperties: change(additional) } : {}),
  };
}

/** Objects inside the object have type and metadata, and need the type. */
function withEmbedded(schema: Schema, texts: MetaTexts): Schema {
  if (!schema.embeddedResource) return schema;
  const metadata: Schema = { ref: `${metaPrefix}ObjectMeta`, ...described(texts.metadata) };
  const required = [...(schema.required ?? [])];
  for (const field of ['kind', 'apiVersion']) if (!required.includes(field)) required.push(field);
  return { ...schema, required, properties: { ...schema.properties, ...typeMeta(texts), metadata } };
}

function forV3(schema: Schema, texts: MetaTexts): Schema {
  if (schema.ref !== undefined) return schema;
  const unfolded = schema.intOrString && !schema.anyOf ? { ...schema, anyOf: integerOrString } : schema;
  return withEmbedded(
    below(unfolded, (part) => forV3(part, texts)),
    texts,
  );
}

/** What v2 has no words for is left open, as are values that may be null. */
function forV2(schema: Schema, texts: MetaTexts): Schema {
  if (schema.ref !== undefined) return schema;
  const { allOf: _, anyOf: __, oneOf: ___, not: ____, nullable, ...rest } = schema;
  const open = nullable === true || schema.preserveUnknownFields === true;
  let shown: Schema = rest;
  if (open) {
    const { items: _items, properties: _properties, ...closed } = rest;
    shown = closed;
  }
  const untyped =
    nullable === true ||
    (schema.type === 'array' && !shown.items) ||
    (schema.preserveUnknownFields && schema.type === 'object');
  if (untyped) {
    const { type: _type, ...without } = shown;
    shown = without;
  }
  const required = shown.required?.filter((name) => !schema.properties?.[name]?.nullable);
  const { required: _required, ...others } = shown;
  const additional = schema.additionalProperties;
  const optional = additional !== undefined && additional !== true && additional.nullable === true;
  shown = required?.length && !optional ? { ...others, required } : others;
  const result = below(shown, (part) => forV2(part, texts));
  return schema.preserveUnknownFields ? result : withEmbedded(result, texts);
}
