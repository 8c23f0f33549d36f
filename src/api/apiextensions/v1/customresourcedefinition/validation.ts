/**
 * Upstream: apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go (1.36). What all versions have alike
 * upstream's internal type holds once: its paths say `spec.validation` then, not `spec.versions[0].schema`.
 */
import { checkSchemaRules } from '../../../../apimachinery/cel/index.ts';
import {
  deepEqual,
  type FieldError,
  FieldErrorList,
  isDns1035Label,
  isDns1123Subdomain,
  type KubeObject,
} from '../../../../apimachinery/index.ts';
import { validateVersionList } from '../../../admissionregistration/v1/validation-match.ts';
import { Place } from '../../../place.ts';
import { validateWebhookClient } from '../../../webhook-client.ts';
import { unrecognizedFormats, validateDefaults } from './validation-defaults.ts';
import { validateSchemaKeywords, validateStructural } from './validation-schema.ts';

type Fields = Readonly<Record<string, any>>;

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];
const columnFormats = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];
const maxSelectableFields = 8;
const maxDeprecation = 256;
const approvalAnnotation = 'api-approved.kubernetes.io';
const approvalReason =
  'protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111';

/** One Invalid with all messages. */
function joined(place: Place, messages: readonly string[], intro = ''): void {
  if (messages.length > 0) place.invalid(intro + messages.join(','));
}

const mixedCase = 'may have mixed case, but should otherwise match: ';

function validateNames(names: Place): void {
  for (const field of ['plural', 'singular']) {
    if (names.child(field).text !== '') joined(names.child(field), isDns1035Label(names.child(field).text));
  }
  for (const field of ['kind', 'listKind']) {
    const { text } = names.child(field);
    if (text !== '') joined(names.child(field), isDns1035Label(text.toLowerCase()), mixedCase);
  }
  for (const name of names.items('shortNames')) joined(name, isDns1035Label(name.text));
  const [kind, listKind] = [names.child('kind'), names.child('listKind')];
  if (kind.text !== '' && kind.text === listKind.text) listKind.invalid('kind and listKind may not be the same');
  for (const category of names.items('categories')) joined(category, isDns1035Label(category.text));
}

function isSimplePath(path: Place): boolean {
  if (path.text.startsWith('.')) return true;
  path.invalid('must be a simple json path starting with .');
  return false;
}

function validateScalePath(scale: Place, field: string, roots: readonly string[], where: string): void {
  const place = scale.child(field);
  if (place.text === '') {
    if (field !== 'labelSelectorPath') place.required();
  } else if (isSimplePath(place) && !roots.some((root) => place.text.startsWith(root))) {
    place.invalid(`should be a json path under ${where}`);
  }
}

function validateSubresources(subresources: Place): void {
  const scale = subresources.child('scale');
  if (!scale.isSet) return;
  validateScalePath(scale, 'specReplicasPath', ['.spec.'], '.spec');
  validateScalePath(scale, 'statusReplicasPath', ['.status.'], '.status');
  validateScalePath(scale, 'labelSelectorPath', ['.spec.', '.status.'], 'either .spec or .status');
}

function validateColumn(column: Place): void {
  column.child('name').named();
  const [type, format] = [column.child('type'), column.child('format')];
  const oneOf = (values: readonly string[]) => `must be one of ${values.join(',')}`;
  if (type.text === '') type.required(oneOf(columnTypes));
  else if (!columnTypes.includes(type.text)) type.invalid(oneOf(columnTypes));
  if (format.text !== '' && !columnFormats.includes(format.text)) format.invalid(oneOf(columnFormats));
  const path = column.child('JSONPath').as(column.value.jsonPath);
  if (path.text === '') path.required();
  else isSimplePath(path);
}

/** Schema at a path such as `.spec.color`, undefined when there is none. */
function schemaAt(schema: Fields | undefined, path: string): Fields | undefined {
  let at: Fields | undefined = schema;
  for (const name of path.slice(1).split('.')) {
    const additional = at?.['additionalProperties'];
    at = at?.['properties']?.[name] ?? (typeof additional === 'object' ? additional : undefined);
  }
  return at;
}

function validateSelectableFields(fields: Place, schema: Fields | undefined): void {
  if (fields.list.length === 0) return;
  if (schema === undefined) {
    fields.invalid('may only be set when `version.schema.openAPIV3Schema` is not included', '');
    return;
  }
  const seen = new Set<string>();
  for (const field of fields.items()) {
    const path = field.child('jsonPath');
    if (path.text === '') {
      path.required();
      continue;
    }
    const target = path.text.startsWith('.') && !path.text.includes('[') ? schemaAt(schema, path.text) : undefined;
    if (target === undefined && !path.text.startsWith('.metadata')) {
      const name = path.text.slice(path.text.lastIndexOf('.') + 1);
      path.invalid(`is an invalid path: does not refer to a valid field: ${name}`);
      continue;
    }
    if (path.text.startsWith('.metadata')) path.invalid('must not point to fields in metadata');
    else if (!['string', 'boolean', 'integer'].includes(target?.['type'])) {
      path.invalid(
        'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.',
      );
    }
    if (seen.has(path.text)) path.duplicate();
    seen.add(path.text);
  }
  if (seen.size > maxSelectableFields) fields.errors.tooMany(fields.path, seen.size, maxSelectableFields);
}

const rootFields = new Set([
  'description',
  'type',
  'format',
  'title',
  'maximum',
  'exclusiveMaximum',
  'minimum',
  'exclusiveMinimum',
  'maxLength',
  'minLength',
  'pattern',
  'maxItems',
  'minItems',
  'uniqueItems',
  'multipleOf',
  'required',
  'items',
  'properties',
  'externalDocs',
  'example',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-validations',
]);

function validateSchema(schema: Place, hasStatus: boolean): void {
  if (!schema.isSet) return;
  const { value } = schema;
  const type = schema.child('type');
  if (hasStatus && type.isSet && type.text !== 'object') {
    type.invalid('only "object" is allowed as the type at the root of the schema if the status subresource is enabled');
  } else if (hasStatus && Object.keys(value).some((field) => !rootFields.has(field))) {
    const names =
      'Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations';
    schema.invalid(`only [${names}] fields are allowed at the root of the schema if the status subresource is enabled`);
  }
  if (value.nullable === true) schema.child('nullable').forbidden('nullable cannot be true at the root');
  const before = schema.errors.length;
  validateStructural(schema);
  if (schema.errors.length === before) validateDefaults(schema);
  validateSchemaKeywords(schema, { isRoot: true });
  // Rules of a schema that is not sound cannot be typed.
  if (schema.errors.length === before) checkSchemaRules(value, schema.path, schema.errors);
}

function validateDeprecation(version: Place): void {
  const warning = version.child('deprecationWarning');
  if (!warning.isSet) return;
  if (version.value.deprecated !== true) {
    warning.invalid('can only be set for deprecated versions');
    return;
  }
  if (warning.text.length > maxDeprecation) warning.invalid('must be <= 256 characters long');
  if (warning.text === '') warning.invalid('must not be an empty string', '');
  const at = [...warning.text].findIndex((character) => /[\p{C}\p{Zl}\p{Zp}]/u.test(character));
  if (at >= 0) {
    warning.invalid(`must only contain printable UTF-8 characters; non-printable character found at index ${at}`);
  }
}

/** The field of every version, once when all have the same. */
function perVersion(spec: Place, path: readonly string[], hoisted: readonly string[]): Place[] {
  const versions = spec.items('versions');
  const values = versions.map((version) => version.child(...path).value);
  const alike = values.length > 0 && values[0] !== undefined && values.every((value) => deepEqual(value, values[0]));
  return alike ? [spec.child(...hoisted).as(values[0])] : versions.map((version) => version.child(...path));
}

function validateVersions(spec: Place): void {
  const versions = spec.child('versions');
  for (const version of versions.items()) {
    joined(version.child('name'), isDns1035Label(version.child('name').text));
    validateDeprecation(version);
    const schema = version.child('schema', 'openAPIV3Schema');
    if (!schema.isSet) schema.required();
  }
  const hasStatus = versions.list.some((version) => version?.subresources?.status !== undefined);
  for (const schema of perVersion(spec, ['schema', 'openAPIV3Schema'], ['validation', 'openAPIV3Schema'])) {
    validateSchema(schema, hasStatus);
  }
  for (const place of perVersion(spec, ['subresources'], ['subresources'])) validateSubresources(place);
  for (const place of perVersion(spec, ['additionalPrinterColumns'], ['additionalPrinterColumns'])) {
    for (const column of place.items()) validateColumn(column);
  }
  for (const place of perVersion(spec, ['selectableFields'], ['selectableFields'])) {
    const owner = versions.list.find((version) => deepEqual(version?.selectableFields, place.value));
    validateSelectableFields(place, owner?.schema?.openAPIV3Schema);
  }
  const names = versions.list.map((version) => version?.name);
  if (new Set(names).size < names.length) versions.invalid('must contain unique version names');
  if (versions.list.filter((version) => version?.storage === true).length !== 1) {
    versions.invalid('must have exactly one version marked as storage version', versions.list);
  }
}

function validateConversion(conversion: Place): void {
  if (!conversion.isSet) return;
  const strategy = conversion.child('strategy');
  strategy.oneOf(['None', 'Webhook']);
  const client = conversion.child('webhookClientConfig').as(conversion.value.webhook?.clientConfig);
  const versions = conversion.child('conversionReviewVersions').as(conversion.value.webhook?.conversionReviewVersions);
  if (strategy.text !== 'Webhook') {
    const detail = 'should not be set when strategy is not set to Webhook';
    if (client.isSet) client.forbidden(detail);
    if (versions.list.length > 0) versions.forbidden(detail);
    return;
  }
  if (client.isSet) validateWebhookClient(client);
  else client.required('required when strategy is set to Webhook');
  if (versions.list.length === 0) {
    versions.required();
    return;
  }
  validateVersionList(versions);
  if (!versions.list.some((version) => version === 'v1' || version === 'v1beta1')) {
    versions.invalid('must include at least one of v1, v1beta1');
  }
}

function validateSpec(object: Place): void {
  const spec = object.child('spec');
  const group = spec.child('group');
  if (group.text === '') group.required();
  else if (isDns1123Subdomain(group.text).length > 0) joined(group, isDns1123Subdomain(group.text));
  else if (!group.text.includes('.')) group.invalid('should be a domain with at least one dot');
  spec.child('scope').oneOf(['Cluster', 'Namespaced']);
  validateVersions(spec);
  const names = spec.child('names');
  for (const field of ['plural', 'singular', 'kind', 'listKind']) names.child(field).named();
  validateNames(names);
  if (spec.value?.preserveUnknownFields === true) {
    const place = spec.child('preserveUnknownFields');
    place.invalid(
      'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
    );
  }
  validateConversion(spec.child('conversion'));
}

function validateStoredVersions(object: Place): void {
  const stored = object.child('status', 'storedVersions');
  if (stored.list.length === 0) {
    stored.invalid('must have at least one stored version', stored.value ?? null);
    return;
  }
  const versions: Fields[] = object.value.spec?.versions ?? [];
  const current = versions.find((version) => version['storage'] === true)?.['name'];
  if (current !== undefined && !stored.list.includes(current))
    stored.invalid(`must have the storage version ${current}`);
  for (const version of stored.items()) {
    if (versions.some((other) => other['name'] === version.value)) continue;
    const name = version.text;
    version.invalid(
      `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`,
    );
  }
}

const isProtected = (group: string): boolean => /(^|\.)(k8s|kubernetes)\.io$/.test(group);

function approvalState(object: Fields): string {
  const text: string | undefined = object['metadata']?.annotations?.[approvalAnnotation];
  if (text === undefined || text === '') return 'missing';
  if (text.startsWith('unapproved')) return 'bypassed';
  return URL.canParse(text) ? 'approved' : 'invalid';
}

/** Groups of the community take part in its review of APIs. */
function validateApproval(object: Place, old?: Fields): void {
  if (!isProtected(object.value.spec?.group ?? '')) return;
  const state = approvalState(object.value);
  if (old !== undefined && approvalState(old) === state) return;
  const place = object.child('metadata', 'annotations').key(approvalAnnotation);
  if (state === 'missing') place.required(approvalReason);
  else if (state === 'invalid') {
    place.invalid(
      `protected groups must have approval annotation "${approvalAnnotation}" with either a URL or a reason starting with "unapproved", see https://github.com/kubernetes/enhancements/pull/1111`,
    );
  }
}

export function validateDefinition(object: Place): void {
  const { plural = '' } = object.value.spec?.names ?? {};
  const name = object.child('metadata', 'name');
  const required = `${plural}.${object.value.spec?.group ?? ''}`;
  if (name.text !== required) name.invalid(`must be spec.names.plural+"."+spec.group`);
  validateSpec(object);
  validateNames(object.child('status', 'acceptedNames'));
  validateStoredVersions(object);
  validateApproval(object);
}

export function validateDefinitionUpdate(object: Place, old: Fields): void {
  validateSpec(object);
  const spec = object.child('spec');
  const conditions: Fields[] = old['status']?.conditions ?? [];
  const established = conditions.some((item) => item['type'] === 'Established' && item['status'] === 'True');
  if (established) {
    spec.child('scope').immutable(old['spec']?.scope);
    spec.child('names', 'kind').immutable(old['spec']?.names?.kind);
  }
  spec.child('group').immutable(old['spec']?.group);
  spec.child('names', 'plural').immutable(old['spec']?.names?.plural);
  validateNames(object.child('status', 'acceptedNames'));
  validateStoredVersions(object);
  validateApproval(object, old);
}

/** A format nobody checks is told of when it comes. */
export function definitionWarnings(object: Readonly<KubeObject>, old?: Readonly<KubeObject>): string[] {
  const formats = (of: Readonly<KubeObject> | undefined): string[] =>
    (of?.['spec']?.versions ?? []).flatMap((version: Fields) =>
      unrecognizedFormats(version['schema']?.openAPIV3Schema),
    );
  const before = new Set(formats(old));
  return formats(object)
    .filter((format) => !before.has(format))
    .map((format) => `unrecognized format ${JSON.stringify(format)}`);
}

/** What keeps the schemas of a definition from being structural. */
export function structuralErrors(object: Readonly<KubeObject>): readonly FieldError[] {
  const errors = new FieldErrorList();
  const spec = Place.of(object, errors).child('spec');
  if (spec.value?.preserveUnknownFields === true) spec.child('preserveUnknownFields').invalid('must be false');
  for (const version of spec.items('versions')) {
    const schema = version.child('schema', 'openAPIV3Schema');
    if (schema.isSet) validateStructural(schema);
  }
  return errors.errors;
}

export const validateDefinitionStatus = (object: Place): void => validateNames(object.child('status', 'acceptedNames'));
