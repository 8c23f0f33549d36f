/**
 * Schemas of custom resources: what they may contain, and that they are structural. Upstream: apiextensions-apiserver
 * pkg/apis/apiextensions/validation/validation.go, pkg/apiserver/schema/validation.go (1.36). CEL rules are checked for
 * their shape here; `checkSchemaRules` compiles them.
 */
import { isFieldPath } from '../../../../apimachinery/cel/index.ts';
import { deepEqual } from '../../../../apimachinery/index.ts';
import type { Place } from '../../../place.ts';

type Level = 'root' | 'item' | 'field';

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const metaFields = ['apiVersion', 'kind', 'metadata'];
const intOrString = [{ type: 'integer' }, { type: 'string' }];
const extension = (name: string): string => `x-kubernetes-${name}`;

/** Keywords of JSON schema that are refused wherever they stand. */
const unsupported = ['id', 'additionalItems', 'patternProperties', 'definitions', 'dependencies', '$ref'];

export function validateSchemaKeywords(schema: Place, options: { isRoot?: boolean; noDefaults?: string } = {}): void {
  if (!schema.isSet) return;
  const type = schema.child('type');
  if (type.text !== '' && !types.includes(type.text)) type.notSupported(types);
  if (schema.child('default').isSet && options.noDefaults !== undefined) {
    schema.child('default').forbidden(`must not be set ${options.noDefaults}`);
  }
  for (const keyword of unsupported) {
    if (!schema.child(keyword).isEmpty) schema.child(keyword).forbidden(`${keyword} is not supported`);
  }
  if (type.text === 'null') type.forbidden('type cannot be set to null, use nullable as an alternative');
  if (schema.value.uniqueItems === true) {
    schema
      .child('uniqueItems')
      .forbidden('uniqueItems cannot be set to true since the runtime complexity becomes quadratic');
  }
  validateChildren(schema, options);
  if (schema.value[extension('preserve-unknown-fields')] === false) {
    schema.child(extension('preserve-unknown-fields')).invalid('must be true or undefined', false);
  }
  validateMapType(schema);
  validateListType(schema);
  for (const rule of schema.items(extension('validations'))) validateRule(rule, schema);
}

function validateChildren(schema: Place, options: { isRoot?: boolean; noDefaults?: string }): void {
  const inherited = options.noDefaults === undefined ? {} : { noDefaults: options.noDefaults };
  const additional = schema.child('additionalProperties');
  if (additional.isSet) {
    if (!schema.child('properties').isEmpty && additional.value !== true) {
      additional.forbidden('additionalProperties and properties are mutual exclusive');
    }
    if (typeof additional.value === 'object') validateSchemaKeywords(additional, inherited);
  }
  for (const [name, property] of schema.child('properties').entries()) {
    const top = options.isRoot === true && metaFields.includes(name);
    validateSchemaKeywords(property, top ? { noDefaults: `in top-level ${name}` } : inherited);
  }
  validateSchemaKeywords(schema.child('not'), inherited);
  for (const keyword of ['allOf', 'oneOf', 'anyOf']) {
    for (const item of schema.items(keyword)) validateSchemaKeywords(item, inherited);
  }
  const items = schema.child('items');
  if (Array.isArray(items.value)) items.forbidden('items must be a schema object and not an array');
  else validateSchemaKeywords(items, inherited);
}

/** The type that an extension asks for. */
function needsType(schema: Place, wanted: string, because: string): boolean {
  const type = schema.child('type');
  if (type.text === wanted) return true;
  if (type.text === '') type.required(`must be ${wanted} if ${because}`);
  else type.invalid(`must be ${wanted} if ${because}`);
  return false;
}

function validateMapType(schema: Place): void {
  const mapType = schema.child(extension('map-type'));
  if (!mapType.isSet) return;
  needsType(schema, 'object', 'x-kubernetes-map-type is specified');
  mapType.maybeOneOf(['atomic', 'granular']);
}

const ofSet = 'must be atomic as item of a list with x-kubernetes-list-type=set';

function validateListType(schema: Place): void {
  const [listType, keys, items] = [
    schema.child(extension('list-type')),
    schema.child(extension('list-map-keys')),
    schema.child('items'),
  ];
  if (listType.isSet && needsType(schema, 'array', 'x-kubernetes-list-type is specified') && listType.text === 'set') {
    const inner = items.child(extension(items.value?.type === 'array' ? 'list-type' : 'map-type'));
    if (items.value?.type === 'array' && inner.isSet && inner.text !== 'atomic') inner.invalid(ofSet);
    if (items.value?.type === 'object' && inner.text !== 'atomic') inner.invalid(ofSet, inner.value ?? null);
  }
  listType.maybeOneOf(['atomic', 'set', 'map']);
  if (keys.list.length > 0 && listType.text !== 'map') {
    const detail = 'must be map if x-kubernetes-list-map-keys is non-empty';
    if (listType.isSet) listType.invalid(detail);
    else listType.required(detail);
  }
  if (['set', 'map'].includes(listType.text) && items.value?.nullable === true) {
    items.child('nullable').forbidden(`cannot be nullable when x-kubernetes-list-type is ${listType.text}`);
  }
  if (listType.text === 'map') validateMapKeys(keys, items);
}

function validateMapKeys(keys: Place, items: Place): void {
  if (keys.list.length === 0) keys.required('must not be empty if x-kubernetes-list-type is map');
  if (!items.isSet) {
    items.required('must have a schema if x-kubernetes-list-type is map');
    return;
  }
  if (items.value.type !== 'object') {
    items
      .child('type')
      .invalid("must be object if parent array's x-kubernetes-list-type is map", items.child('type').text);
    return;
  }
  const seen = new Set<string>();
  const required: string[] = items.value.required ?? [];
  for (const key of keys.list) {
    const property = items.child('properties').key(key);
    if (!property.isSet) keys.invalid('entries must all be names of item properties');
    else if (['array', 'object'].includes(property.value.type)) {
      property.child('type').invalid("must be a scalar type if parent array's x-kubernetes-list-type is map", 'object');
    }
    if (seen.has(key)) keys.invalid('must not contain duplicate entries');
    seen.add(key);
    if (property.isSet && property.value.default === undefined && !required.includes(key)) {
      property
        .child('default')
        .required(
          'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
        );
    }
    if (property.value?.nullable === true) {
      property.child('nullable').forbidden('this property is in x-kubernetes-list-map-keys, so it cannot be nullable');
    }
  }
}

const hasBreaks = (text: string): boolean => /[\n\r]/.test(text);

function validateRule(validation: Place, schema: Place): void {
  const [rule, message, expression, path] = ['rule', 'message', 'messageExpression', 'fieldPath'].map((name) =>
    validation.child(name),
  );
  const blank = (place: Place): boolean => place.text !== '' && place.text.trim() === '';
  if (rule!.text.trim() === '') rule!.required('rule is not specified');
  else if (blank(message!)) message!.invalid('must be non-empty if specified');
  else if (hasBreaks(message!.text.trim())) message!.invalid('must not contain line breaks');
  else if (hasBreaks(rule!.text.trim()) && message!.text.trim() === '') {
    message!.required('message must be specified if rule contains line breaks');
  }
  if (blank(expression!)) expression!.required('messageExpression must be non-empty if specified');
  validation
    .child('reason')
    .maybeOneOf(['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired']);
  if (blank(path!)) path!.invalid('must be non-empty if specified');
  if (hasBreaks(path!.text)) path!.invalid('must not contain line breaks');
  if (path!.text !== '' && !isFieldPath(path!.text, schema.value)) path!.invalid('must be a valid path');
}

const mustBe: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

/** Every node has a type, and what validates values only speaks of nodes that are there. */
export function validateStructural(schema: Place, level: Level = 'root'): void {
  const { value } = schema;
  const [type, items, properties, additional] = ['type', 'items', 'properties', 'additionalProperties'].map((name) =>
    schema.child(name),
  );
  const flag = (name: string): boolean => value[extension(name)] === true;
  const embedded = flag('embedded-resource');
  if (type!.text === 'array' && !items!.isSet) items!.required('must be specified');
  if (items!.isSet) validateStructural(items!, 'item');
  for (const [, property] of properties!.entries()) validateStructural(property, 'field');
  if (additional!.isSet) {
    if (level === 'root') additional!.forbidden('must not be used at the root');
    if (typeof additional!.value === 'object') validateStructural(additional!, 'field');
  }
  for (const name of ['preserve-unknown-fields', 'embedded-resource']) {
    if (flag('int-or-string') && flag(name)) {
      schema.child(extension(name)).invalid('must be false if x-kubernetes-int-or-string is true');
    }
  }
  validateValues(schema);
  if (embedded && type!.text !== 'object') {
    needsType(schema, 'object', 'x-kubernetes-embedded-resource is true');
  } else if (type!.text === '' && !flag('int-or-string') && !flag('preserve-unknown-fields')) {
    type!.required(mustBe[level]);
  }
  if (embedded && additional!.isSet) {
    additional!.forbidden('must not be used if x-kubernetes-embedded-resource is set');
  }
  if (level === 'root' && type!.text !== '' && type!.text !== 'object') type!.invalid('must be object at the root');
  if (level === 'root' || embedded) validateMetaFields(properties!, level);
  if (embedded && !flag('preserve-unknown-fields') && properties!.isEmpty) {
    properties!.required(
      'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
    );
  }
}

function validateMetaFields(properties: Place, level: Level): void {
  for (const name of ['kind', 'apiVersion']) {
    const type = properties.key(name).child('type');
    if (properties.key(name).isSet && type.text !== 'string') type.invalid('must be string', type.text);
  }
  const metadata = properties.key('metadata');
  if (!metadata.isSet) return;
  if (metadata.value.type !== 'object') metadata.child('type').invalid('must be object', metadata.child('type').text);
  if (level !== 'root') return;
  const { type: _, description: __, properties: own = {}, ...rest } = metadata.value as Record<string, any>;
  const extra = Object.keys(own).some((name) => name !== 'name' && name !== 'generateName');
  if (extra || Object.keys(rest).length > 0) {
    metadata.forbidden(
      'must not specify anything other than name and generateName, but metadata is implicitly specified',
    );
  }
}

/** Keywords that belong to the structure, not to value validation. */
const structureOnly: readonly (readonly [string, string])[] = [
  ['type', 'must be empty to be structural'],
  ['additionalProperties', 'must be undefined to be structural'],
  ['default', 'must be undefined to be structural'],
  ['title', 'must be empty to be structural'],
  ['description', 'must be empty to be structural'],
  ['nullable', 'must be false to be structural'],
  [extension('preserve-unknown-fields'), 'must be false to be structural'],
  [extension('embedded-resource'), 'must be false to be structural'],
  [extension('int-or-string'), 'must be false to be structural'],
  [extension('list-map-keys'), 'must be empty to be structural'],
  [extension('list-type'), 'must be undefined to be structural'],
  [extension('map-type'), 'must be undefined to be structural'],
  [extension('validations'), 'must be empty to be structural'],
];

function nestedOf(schema: Place): Place[] {
  return [...schema.items('anyOf'), ...schema.items('allOf'), ...schema.items('oneOf'), schema.child('not')].filter(
    (place) => place.isSet,
  );
}

function validateValues(schema: Place): void {
  const isIntOrString = schema.value[extension('int-or-string')] === true;
  const fixed = isIntOrString && deepEqual(schema.value.anyOf, intOrString);
  for (const nested of nestedOf(schema)) {
    const first = isIntOrString && deepEqual(nested.value.anyOf, intOrString);
    if (fixed && (schema.value.anyOf as unknown[]).includes(nested.value)) continue;
    validateNested(nested, first);
    validateCompleteness(nested, schema);
  }
  validatePattern(schema);
}

function validatePattern(schema: Place): void {
  const pattern = schema.child('pattern');
  if (pattern.text === '') return;
  try {
    new RegExp(pattern.text, 'u');
  } catch (error) {
    pattern.invalid(`must be a valid regular expression, but isn't: ${(error as Error).message}`);
  }
}

function validateNested(schema: Place, skipAnyOf = false): void {
  for (const [keyword, detail] of structureOnly) {
    if (!schema.child(keyword).isEmpty) schema.child(keyword).forbidden(detail);
  }
  for (const nested of nestedOf(schema)) {
    if (skipAnyOf && (schema.value.anyOf as unknown[]).includes(nested.value)) continue;
    validateNested(nested);
  }
  if (schema.child('items').isSet) validateNested(schema.child('items'));
  for (const [name, property] of schema.child('properties').entries()) {
    if (name === 'metadata') property.forbidden('must not be specified in a nested context');
    validateNested(property);
  }
  validatePattern(schema);
}

/** What a value validation names must be specified outside of it. */
function validateCompleteness(nested: Place, structure: Place): void {
  const because = (place: Place) => `because it is defined in ${place.path.toString()}`;
  const items = nested.child('items');
  if (items.isSet) {
    if (structure.child('items').isSet) validateCompleteness(items, structure.child('items'));
    else structure.child('items').required(because(items));
  }
  for (const [name, property] of nested.child('properties').entries()) {
    const outside = structure.child('properties').key(name);
    const additional = structure.child('additionalProperties');
    if (outside.isSet) validateCompleteness(property, outside);
    else if (typeof additional.value === 'object') validateCompleteness(property, additional);
    else outside.required(because(property));
  }
  for (const inner of nestedOf(nested)) validateCompleteness(inner, structure);
}
