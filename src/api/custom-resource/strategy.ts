/**
 * The rules of every custom resource. Upstream: apiextensions-apiserver/pkg/registry/customresource/{strategy,
 * status_strategy,validator}.go (1.36).
 */
import type { CelSchemaValidator } from '../../apimachinery/cel/index.ts';
import {
  deepEqual,
  FieldErrorList,
  FieldPath,
  getIn,
  isDns1035Label,
  isObject,
  isPathSegmentName,
  isQualifiedName,
  type KubeObject,
  type Schema,
  type SchemaSet,
  validateListTypes,
  validateObjectMeta,
  validateSchema,
} from '../../apimachinery/index.ts';
import type { ScaleSubresource, Strategy } from '../definition.ts';
import { restore } from '../row.ts';
import { schemaBelow } from './coerce.ts';

export interface CustomRules {
  readonly schema: Schema;
  readonly schemas: SchemaSet;
  readonly hasStatus: boolean;
  readonly scale?: ScaleSubresource | undefined;
  /** Compiled `x-kubernetes-validations`; absent without any. */
  readonly rules?: CelSchemaValidator | undefined;
}

type ReadObject = Readonly<KubeObject>;

const root = FieldPath.root();
/** Upstream: RuntimeCELCostBudget. */
const celBudget = 10_000_000;
const maxInt32 = 2 ** 31 - 1;

export function customStrategy(custom: CustomRules): Strategy {
  const { hasStatus } = custom;
  return {
    generation: 'spec',
    allowUnconditionalUpdate: false,
    prepareForCreate(object) {
      if (hasStatus) delete object['status'];
    },
    prepareForUpdate(object, old, { subresource }) {
      if (subresource === 'status') return keepAllButStatus(object, old);
      if (hasStatus) restore(object, old, 'status');
      else if (!deepEqual(object['status'], old['status']))
        object.metadata.generation = (old.metadata.generation ?? 0) + 1;
    },
    validate(object, errors) {
      validateSchema(object, custom.schema, custom.schemas, root, errors, { listTypes: false });
      validateScale(object, custom.scale, 'all', errors);
      validateEmbedded(object, custom.schema, root, errors);
      validateListTypes(object, custom.schema, custom.schemas, root, errors);
      runRules(custom, object, undefined, errors);
    },
    validateUpdate(object, old, errors) {
      validateSchema(object, custom.schema, custom.schemas, root, errors, { listTypes: false, old });
      validateScale(object, custom.scale, 'all', errors);
      validateEmbedded(object, custom.schema, root, errors);
      validateLists(custom, object, old, errors);
      runRules(custom, object, old, errors);
    },
    validateStatusUpdate(object, old, errors) {
      validateStatus(custom, object, old, errors);
      validateScale(object, custom.scale, 'status', errors);
      validateLists(custom, object, old, errors);
      runRules(custom, object, old, errors);
    },
    warnings: finalizerWarnings,
  };
}

/** A write of status changes status and the record of who set it. */
function keepAllButStatus(object: KubeObject, old: ReadObject): void {
  const { status } = object;
  const { managedFields } = object.metadata;
  for (const field of Object.keys(object)) delete object[field];
  Object.assign(object, old, { metadata: { ...old.metadata } });
  if (managedFields === undefined) delete object.metadata.managedFields;
  else object.metadata.managedFields = managedFields;
  if (status === undefined) delete object['status'];
  else object['status'] = status;
}

/** The schema of status sees status alone: its messages name fields from there, its errors from the root. */
function validateStatus(custom: CustomRules, object: ReadObject, old: ReadObject, errors: FieldErrorList): void {
  const schema = schemaBelow(custom.schema, 'status');
  if (!schema || object['status'] === undefined) return;
  const found = new FieldErrorList();
  validateSchema(object['status'], schema, custom.schemas, root, found, { listTypes: false, old: old['status'] });
  for (const error of found.errors) {
    const below = error.field === '' || error.field === '<nil>';
    errors.add({ ...error, field: below ? 'status' : `status.${error.field}` });
  }
}

/** Duplicates that were there before may stay. */
function validateLists(custom: CustomRules, object: ReadObject, old: ReadObject, errors: FieldErrorList): void {
  const found = new FieldErrorList();
  validateListTypes(object, custom.schema, custom.schemas, root, found);
  if (found.length === 0) return;
  const before = new FieldErrorList();
  validateListTypes(old, custom.schema, custom.schemas, root, before);
  if (before.length === 0) for (const error of found.errors) errors.add(error);
}

const blocking: ReadonlySet<string> = new Set([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);

/** Rules may rely on the schema: they run when it holds. */
function runRules(custom: CustomRules, object: ReadObject, old: ReadObject | undefined, errors: FieldErrorList): void {
  const { rules } = custom;
  if (!rules) return;
  if (errors.errors.some((error) => blocking.has(error.type))) {
    errors.add({
      type: 'FieldValueInvalid',
      field: '<nil>',
      badValue: null,
      detail:
        'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
    });
    return;
  }
  const ratchet = old && {
    unchanged: (path: readonly (string | number)[], value: unknown) => {
      const before = oldValueAt(old, custom.schema, path, object);
      return before !== undefined && deepEqual(before, value);
    },
  };
  const { errors: found } = rules.validate(root, object, old, celBudget, ratchet);
  for (const error of found) errors.add(error);
}

/** What stood where `path` leads in the new object; undefined where that cannot be told. */
function oldValueAt(
  old: unknown,
  schema: Schema | undefined,
  path: readonly (string | number)[],
  value: unknown,
): unknown {
  let before = old;
  let now = value;
  let at = schema;
  for (const step of path) {
    if (typeof step === 'string') {
      if (!isObject(before) || at?.mapType === 'atomic') return undefined;
      now = isObject(now) ? now[step] : undefined;
      before = Object.hasOwn(before, step) ? before[step] : undefined;
      at = at && schemaBelow(at, step);
    } else {
      if (!Array.isArray(before) || !Array.isArray(now) || at?.listType !== 'map') return undefined;
      const item: unknown = now[step];
      const keys = at.listMapKeys ?? [];
      before = before.find(
        (other) => isObject(other) && isObject(item) && keys.every((key) => deepEqual(other[key], item[key])),
      );
      now = item;
      at = at.items;
    }
  }
  return before;
}

/** `.spec.replicas` → `['spec', 'replicas']`. */
function steps(path: string): string[] {
  return path.replace(/^\./, '').split('.');
}

function validateScale(
  object: ReadObject,
  scale: ScaleSubresource | undefined,
  part: 'all' | 'status',
  errors: FieldErrorList,
): void {
  if (!scale) return;
  if (part === 'all') validateReplicas(object, scale.specReplicasPath, errors);
  validateReplicas(object, scale.statusReplicasPath, errors);
  const { labelSelectorPath } = scale;
  if (labelSelectorPath === undefined) return;
  const selector = getIn(object, steps(labelSelectorPath));
  if (selector === undefined || typeof selector === 'string') return;
  const detail = `${labelSelectorPath} accessor error: ${goValue(selector)} is of the type ${goType(selector)}, expected string`;
  errors.invalid(FieldPath.root(labelSelectorPath), '', detail);
}

function validateReplicas(object: ReadObject, path: string, errors: FieldErrorList): void {
  const replicas = getIn(object, steps(path));
  if (replicas === undefined) return;
  const at = FieldPath.root(path);
  if (typeof replicas !== 'bigint' && !Number.isInteger(replicas)) {
    errors.invalid(
      at,
      0,
      `${path} accessor error: ${goValue(replicas)} is of the type ${goType(replicas)}, expected int64`,
    );
  } else if (replicas < 0) errors.invalid(at, replicas, 'should be a non-negative integer');
  else if (replicas > maxInt32) errors.invalid(at, replicas, `should be less than or equal to ${maxInt32}`);
}

/** Go's %v and %T of a JSON value. */
function goValue(value: unknown): string {
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(goValue).join(' ')}]`;
  if (!isObject(value)) return String(value);
  const fields = Object.keys(value).sort();
  return `map[${fields.map((key) => `${key}:${goValue(value[key])}`).join(' ')}]`;
}

function goType(value: unknown): string {
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return '[]interface {}';
  if (isObject(value)) return 'map[string]interface {}';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

/** Objects inside the object. Upstream: pkg/apiserver/schema/objectmeta/validation.go. */
function validateEmbedded(value: unknown, schema: Schema | undefined, path: FieldPath, errors: FieldErrorList): void {
  if (schema === undefined) return;
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) validateEmbedded(item, schema.items, path.index(i), errors);
    return;
  }
  if (!isObject(value)) return;
  if (schema.embeddedResource) validateEmbeddedResource(value, path, errors);
  for (const key of Object.keys(value)) {
    const known = schema.properties && Object.hasOwn(schema.properties, key);
    validateEmbedded(value[key], schemaBelow(schema, key), known ? path.child(key) : path.key(key), errors);
  }
}

function validateEmbeddedResource(value: Record<string, any>, path: FieldPath, errors: FieldErrorList): void {
  const { apiVersion, kind, metadata } = value;
  if (apiVersion === undefined) errors.required(path.child('apiVersion'));
  if (kind === undefined) errors.required(path.child('kind'));
  if (apiVersion === '') errors.invalid(path.child('apiVersion'), apiVersion, 'must not be empty');
  else if (typeof apiVersion === 'string' && apiVersion.split('/').length > 2) {
    errors.invalid(path.child('apiVersion'), apiVersion, `unexpected GroupVersion string: ${apiVersion}`);
  }
  if (kind === '') errors.invalid(path.child('kind'), kind, 'must not be empty');
  else if (typeof kind === 'string') {
    const wrong = isDns1035Label(kind.toLowerCase());
    if (wrong.length > 0) {
      errors.invalid(path.child('kind'), kind, `may have mixed case, but should otherwise match: ${wrong.join(',')}`);
    }
  }
  if (!isObject(metadata)) return;
  // A name is not asked for, only that it is one.
  const named = { apiVersion: '', kind: '', metadata: { ...metadata, name: metadata['name'] || 'fakename' } };
  const name = (text: string, prefix: boolean) => isPathSegmentName(text, { prefix });
  validateObjectMeta(named, { namespaced: Boolean(metadata['namespace']), name }, path.child('metadata'), errors);
}

const standardFinalizers: ReadonlySet<string> = new Set(['orphan', 'foregroundDeletion', 'kubernetes']);

function finalizerWarnings(object: ReadObject, old?: ReadObject): string[] {
  const before = new Set(old?.metadata.finalizers ?? []);
  const added = [...new Set(object.metadata.finalizers ?? [])].filter((finalizer) => !before.has(finalizer)).sort();
  const warnings: string[] = [];
  for (const finalizer of added) {
    const at = `metadata.finalizers: ${JSON.stringify(finalizer)}: `;
    for (const message of isQualifiedName(finalizer)) warnings.push(at + message);
    if (finalizer.includes('/') || standardFinalizers.has(finalizer)) continue;
    const path = finalizer.includes('.') ? ' including a path (/)' : '';
    warnings.push(
      `${at}prefer a domain-qualified finalizer name${path} to avoid accidental conflicts with other finalizer writers`,
    );
  }
  return warnings;
}
