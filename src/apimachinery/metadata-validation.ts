/**
 * Validation that every kind shares: metadata, labels, label selectors, conditions.
 * Upstream: apimachinery/pkg/api/validation/objectmeta.go, pkg/apis/meta/v1/validation/validation.go.
 */
import type { FieldErrorList, FieldPath } from './field-errors.ts';
import { deepEqual } from './json-value.ts';
import { isLabelValue, isQualifiedName, type NameValidator, nameIsDnsLabel, regexError } from './names.ts';
import { parseGroupVersion } from './object-meta.ts';
import type { LabelSelectorObject } from './selector.ts';
import type { KubeObject, ManagedFieldsEntry, OwnerReference } from './types.ts';

type StringMap = Readonly<Record<string, string>> | undefined;

const annotationsSizeMax = 256 * 1024;
export const fieldImmutableMessage = 'field is immutable';

export function validateLabels(labels: StringMap, path: FieldPath, errors: FieldErrorList): void {
  for (const key in labels) {
    for (const message of isQualifiedName(key)) errors.invalid(path, key, message);
    const value = labels[key]!;
    for (const message of isLabelValue(value)) errors.invalid(path, value, message);
  }
}

export function validateAnnotations(annotations: StringMap, path: FieldPath, errors: FieldErrorList): void {
  let size = 0;
  for (const key in annotations) {
    for (const message of isQualifiedName(key.toLowerCase())) errors.invalid(path, key, message);
    size += Buffer.byteLength(key) + Buffer.byteLength(annotations[key]!);
  }
  if (size > annotationsSizeMax) errors.tooLong(path, annotationsSizeMax);
}

export interface LabelSelectorValidationOptions {
  /** Lets stored objects with bad values be updated. */
  readonly allowInvalidLabelValueInSelector?: boolean;
}

export function validateLabelSelector(
  selector: LabelSelectorObject | null | undefined,
  path: FieldPath,
  errors: FieldErrorList,
  options: LabelSelectorValidationOptions = {},
): void {
  if (!selector) return;
  validateLabels(selector.matchLabels, path.child('matchLabels'), errors);
  for (const [i, expression] of (selector.matchExpressions ?? []).entries()) {
    const at = path.child('matchExpressions').index(i);
    const values = expression.values ?? [];
    switch (expression.operator) {
      case 'In':
      case 'NotIn':
        if (values.length === 0) {
          errors.required(at.child('values'), "must be specified when `operator` is 'In' or 'NotIn'");
        }
        break;
      case 'Exists':
      case 'DoesNotExist':
        if (values.length > 0) {
          errors.forbidden(at.child('values'), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
        }
        break;
      default:
        errors.invalid(at.child('operator'), expression.operator, 'not a valid selector operator');
    }
    const key = expression.key ?? '';
    for (const message of isQualifiedName(key)) errors.invalid(at.child('key'), key, message);
    if (options.allowInvalidLabelValueInSelector) continue;
    for (const [j, value] of values.entries()) {
      for (const message of isLabelValue(value)) errors.invalid(at.child('values').index(j), value, message);
    }
  }
}

/** Metadata rules of every write: name, namespace, labels, annotations, owners, finalizers, managedFields. */
export function validateObjectMeta(
  object: Readonly<KubeObject>,
  options: { readonly namespaced: boolean; readonly name: NameValidator },
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const metadata = object.metadata;
  if (metadata.generateName) {
    for (const message of options.name(metadata.generateName, true)) {
      errors.invalid(path.child('generateName'), metadata.generateName, message);
    }
  }
  if (!metadata.name) {
    errors.required(path.child('name'), 'name or generateName is required');
  } else {
    for (const message of options.name(metadata.name, false)) {
      errors.invalid(path.child('name'), metadata.name, message);
    }
  }
  if (options.namespaced) {
    if (!metadata.namespace) {
      errors.required(path.child('namespace'));
    } else {
      for (const message of nameIsDnsLabel(metadata.namespace, false)) {
        errors.invalid(path.child('namespace'), metadata.namespace, message);
      }
    }
  } else if (metadata.namespace) {
    errors.forbidden(path.child('namespace'), 'not allowed on this type');
  }
  if ((metadata.generation ?? 0) < 0) {
    errors.invalid(path.child('generation'), metadata.generation, 'must be greater than or equal to 0');
  }
  validateLabels(metadata.labels, path.child('labels'), errors);
  validateAnnotations(metadata.annotations, path.child('annotations'), errors);
  validateOwnerReferences(metadata.ownerReferences, path.child('ownerReferences'), errors);
  validateFinalizers(metadata.finalizers, path.child('finalizers'), errors);
  validateManagedFields(metadata.managedFields, path.child('managedFields'), errors);
}

function validateOwnerReferences(
  references: readonly OwnerReference[] | undefined,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  let controller = '';
  for (const reference of references ?? []) {
    const { version } = parseGroupVersion(reference.apiVersion ?? '');
    if (version === '') {
      errors.invalid(path.child('apiVersion'), reference.apiVersion ?? '', 'version must not be empty');
    }
    if (!reference.kind) errors.invalid(path.child('kind'), reference.kind ?? '', 'must not be empty');
    if (!reference.name) errors.invalid(path.child('name'), reference.name ?? '', 'must not be empty');
    if (!reference.uid) errors.invalid(path.child('uid'), reference.uid ?? '', 'must not be empty');
    if (reference.apiVersion === 'v1' && reference.kind === 'Event') {
      errors.invalid(path, reference, '/v1, Kind=Event is disallowed from being an owner');
    }
    if (reference.controller !== true) continue;
    const current = `${reference.kind}/${reference.name}`;
    if (controller === '') {
      controller = current;
    } else {
      errors.invalid(
        path,
        references,
        `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${current}`,
      );
    }
  }
}

function validateFinalizers(finalizers: readonly string[] | undefined, path: FieldPath, errors: FieldErrorList): void {
  for (const finalizer of finalizers ?? []) {
    for (const message of isQualifiedName(finalizer)) errors.invalid(path, finalizer, message);
  }
  if (finalizers?.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    errors.invalid(path, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set');
  }
}

function validateManagedFields(
  entries: readonly ManagedFieldsEntry[] | undefined,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  for (const [i, entry] of (entries ?? []).entries()) {
    const at = path.index(i);
    if (entry.operation !== 'Apply' && entry.operation !== 'Update') {
      errors.invalid(at.child('operation'), entry.operation ?? '', 'must be `Apply` or `Update`');
    }
    if (entry.fieldsType !== undefined && (entry.fieldsType as string) !== '' && entry.fieldsType !== 'FieldsV1') {
      errors.invalid(at.child('fieldsType'), entry.fieldsType, 'must be `FieldsV1`');
    }
    validateFieldManager(entry.manager ?? '', at.child('manager'), errors);
    if ((entry.subresource ?? '').length > 256) errors.tooLong(at.child('subresource'), 256);
  }
}

/** The `fieldManager` option and managers in managedFields. */
export function validateFieldManager(manager: string, path: FieldPath, errors: FieldErrorList): void {
  if (manager.length > 128) errors.tooLong(path, 128);
  let i = 0;
  for (const character of manager) {
    if (!isPrintable(character)) {
      const code = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
      errors.invalid(path, manager, `invalid character U+${code} (at position ${i})`);
    }
    i += Buffer.byteLength(character);
  }
}

/** Go's unicode.IsPrint: letters, marks, numbers, punctuation, symbols, and the ASCII space. */
function isPrintable(character: string): boolean {
  return character === ' ' || /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(character);
}

/** Metadata that an update may not change, and the rest of the rules. */
export function validateObjectMetaUpdate(
  object: Readonly<KubeObject>,
  old: Readonly<KubeObject>,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const next = object.metadata;
  const previous = old.metadata;
  if (previous.deletionTimestamp) {
    const had = new Set(previous.finalizers);
    const added = [...new Set(next.finalizers)].filter((finalizer) => !had.has(finalizer)).sort();
    if (added.length > 0) {
      const list = added.map((finalizer) => JSON.stringify(finalizer)).join(', ');
      errors.forbidden(
        path.child('finalizers'),
        `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`,
      );
    }
  }
  if (!next.resourceVersion) {
    errors.invalid(path.child('resourceVersion'), next.resourceVersion ?? '', 'must be specified for an update');
  }
  if ((next.generation ?? 0) < (previous.generation ?? 0)) {
    errors.invalid(path.child('generation'), next.generation ?? 0, 'must not be decremented');
  }
  for (const field of ['name', 'namespace', 'uid'] as const) {
    validateImmutableField(next[field] ?? '', previous[field] ?? '', path.child(field), errors);
  }
  for (const field of ['creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const) {
    validateImmutableField(next[field], previous[field], path.child(field), errors);
  }
  validateLabels(next.labels, path.child('labels'), errors);
  validateAnnotations(next.annotations, path.child('annotations'), errors);
  validateOwnerReferences(next.ownerReferences, path.child('ownerReferences'), errors);
  validateManagedFields(next.managedFields, path.child('managedFields'), errors);
}

export function validateImmutableField(value: unknown, old: unknown, path: FieldPath, errors: FieldErrorList): void {
  if (!deepEqual(value, old)) errors.invalid(path, value, fieldImmutableMessage);
}

const conditionReason = '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?';

/** metav1.Condition lists. */
export function validateConditions(
  conditions: readonly Readonly<Record<string, any>>[] | undefined,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const seen = new Set<string>();
  for (const [i, condition] of (conditions ?? []).entries()) {
    const at = path.index(i);
    const type: string = condition['type'] ?? '';
    if (seen.has(type)) errors.duplicate(at.child('type'), type);
    seen.add(type);
    for (const message of isQualifiedName(type)) errors.invalid(at.child('type'), type, message);
    if (!['True', 'False', 'Unknown'].includes(condition['status'])) {
      errors.notSupported(at.child('status'), condition['status'] ?? '', ['True', 'False', 'Unknown']);
    }
    if ((condition['observedGeneration'] ?? 0) < 0) {
      errors.invalid(
        at.child('observedGeneration'),
        condition['observedGeneration'],
        'must be greater than or equal to zero',
      );
    }
    if (!condition['lastTransitionTime']) errors.required(at.child('lastTransitionTime'));
    const reason: string = condition['reason'] ?? '';
    if (reason === '') {
      errors.required(at.child('reason'));
    } else {
      if (!new RegExp(`^${conditionReason}$`).test(reason)) {
        errors.invalid(
          at.child('reason'),
          reason,
          regexError(
            "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'",
            conditionReason,
            'my_name',
            'MY_NAME',
            'MyName',
            'ReasonA,ReasonB',
            'ReasonA:ReasonB',
          ),
        );
      }
      if (reason.length > 1024) errors.tooLong(at.child('reason'), 1024);
    }
    if ((condition['message'] ?? '').length > 32 * 1024) errors.tooLong(at.child('message'), 32 * 1024);
  }
}
