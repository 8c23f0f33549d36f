/**
 * Defaults must be what their schema allows, and no more. Upstream:
 * apiextensions-apiserver/pkg/apiserver/schema/defaulting/validation.go, pkg/registry/customresourcedefinition/strategy.go.
 */
import {
  deepCopy,
  deepEqual,
  emptySchemaSet,
  FieldErrorList,
  FieldPath,
  isKnownFormat,
  isObject,
  pruneUnknownFields,
  type Schema,
  validateSchema,
} from '../../../../apimachinery/index.ts';
import { schemaFromProps } from '../../../custom-resource/schema.ts';
import type { Place } from '../../../place.ts';

/** `schema`: a structural one. Defaults below additionalProperties are not followed, as they are not filled in at creation. */
export function validateDefaults(schema: Place): void {
  if (schema.value?.default !== undefined && schema.value.default !== null) validateDefault(schema);
  const items = schema.child('items');
  if (isObject(items.value)) validateDefaults(items);
  for (const [, property] of schema.child('properties').entries()) validateDefaults(property);
}

function validateDefault(place: Place): void {
  const schema = schemaFromProps(place.value);
  const at = place.child('default');
  if (!isPruned(at.value, schema)) at.invalid('must not have unknown fields');
  const found = new FieldErrorList();
  validateSchema(at.value, schema, emptySchemaSet, FieldPath.root(), found);
  const base = at.path.toString();
  // The schema sees the default alone: errors are put where it stands, their texts are as they are.
  for (const error of found.errors) {
    const here = error.field === '' || error.field === '<nil>';
    place.errors.add({ ...error, field: here ? base : `${base}.${error.field}` });
  }
}

function isPruned(value: unknown, schema: Schema): boolean {
  const holder = { value: deepCopy(value) };
  pruneUnknownFields(holder, { type: 'object', properties: { value: schema } }, emptySchemaSet, {
    isResourceRoot: false,
  });
  return deepEqual(holder.value, value);
}

/** Formats that are not checked, once a place, in order. */
export function unrecognizedFormats(schema: unknown): string[] {
  const found: string[] = [];
  collect(schema, found);
  return found;
}

const numeric: Readonly<Record<string, readonly string[]>> = {
  integer: ['int32', 'int64'],
  number: ['float', 'double'],
};

function collect(schema: unknown, found: string[]): void {
  if (!isObject(schema)) return;
  const { type = '', format = '' } = schema;
  if (format !== '' && !isRecognized(type, format)) found.push(format);
  for (const part of [schema['items'], schema['additionalProperties'], schema['not']]) collect(part, found);
  for (const property of Object.values(schema['properties'] ?? {})) collect(property, found);
  for (const keyword of ['allOf', 'anyOf', 'oneOf']) for (const part of schema[keyword] ?? []) collect(part, found);
}

function isRecognized(type: string, format: string): boolean {
  if (type === '' || type === 'string') return isKnownFormat(format);
  return numeric[type]?.includes(format) ?? false;
}
