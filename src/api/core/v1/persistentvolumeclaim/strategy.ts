/** Upstream: pkg/registry/core/persistentvolumeclaim/strategy.go, pkg/apis/core/validation/validation.go (1.36). */
import {
  compareQuantity,
  deepCopy,
  deepEqual,
  type FieldErrorList,
  FieldPath,
  nameIsDnsSubdomain,
  validateLabelSelector,
} from '../../../../apimachinery/index.ts';
import { setIfAbsent, setIfZero } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '../../../types.ts';
import { invalidEach, mustBePositive, validateImmutable, validateOptionalEnum } from '../../../validation.ts';
import { defaultClaimSpec } from '../pod/defaults.ts';
import { validateResourceQuantity } from '../pod/validation-resources.ts';

export const accessModes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];

export function validateAccessModes(modes: readonly string[], path: FieldPath, errors: FieldErrorList): void {
  for (const mode of modes) validateOptionalEnum(mode, accessModes, path, errors);
  if (modes.includes('ReadWriteOncePod') && modes.length > 1) {
    errors.forbidden(path, 'may not use ReadWriteOncePod with other access modes');
  }
}

export function validateClaimSpec(spec: PersistentVolumeClaimSpec, path: FieldPath, errors: FieldErrorList): void {
  const modes = spec.accessModes ?? [];
  if (modes.length === 0) errors.required(path.child('accessModes'), 'at least 1 access mode is required');
  if (spec.selector) validateLabelSelector(spec.selector, path.child('selector'), errors);
  validateAccessModes(modes, path.child('accessModes'), errors);
  const storage = spec.resources?.requests?.['storage'];
  const storagePath = path.child('resources').key('storage');
  if (storage === undefined) errors.required(storagePath);
  else {
    const quantity = validateResourceQuantity('storage', storage, storagePath, errors);
    if (quantity?.sign === 0) errors.invalid(storagePath, quantity.toString(), mustBePositive);
  }
  for (const field of ['storageClassName', 'volumeAttributesClassName'] as const) {
    const name = spec[field];
    if (name) invalidEach(nameIsDnsSubdomain(name, false), name, path.child(field), errors);
  }
  validateOptionalEnum(spec.volumeMode, ['Block', 'Filesystem'], path.child('volumeMode'), errors);
}

/** `dataSource` and `dataSourceRef` mirror each other unless the latter crosses namespaces. */
function mirrorDataSources(spec: PersistentVolumeClaimSpec): void {
  if (spec.dataSource && !spec.dataSourceRef) spec.dataSourceRef = { ...spec.dataSource };
  else if (spec.dataSourceRef && !spec.dataSource && !spec.dataSourceRef.namespace) {
    spec.dataSource = { ...spec.dataSourceRef };
  }
}

function validateUpdate(
  claim: Readonly<PersistentVolumeClaim>,
  old: Readonly<PersistentVolumeClaim>,
  errors: FieldErrorList,
): void {
  const path = FieldPath.root('spec');
  const spec = claim.spec ?? {};
  const oldSpec = old.spec ?? {};
  validateClaimSpec(spec, path, errors);
  const restored = deepCopy(spec) as PersistentVolumeClaimSpec;
  if (!oldSpec.volumeName) delete restored.volumeName;
  if (!oldSpec.storageClassName) delete restored.storageClassName;
  const size = spec.resources?.requests?.['storage'];
  const oldSize = oldSpec.resources?.requests?.['storage'];
  if (claim.status?.phase === 'Bound') {
    if (oldSize !== undefined && restored.resources?.requests) restored.resources.requests['storage'] = oldSize;
    if (oldSpec.volumeAttributesClassName === undefined) delete restored.volumeAttributesClassName;
    else restored.volumeAttributesClassName = oldSpec.volumeAttributesClassName;
  }
  const before = { ...oldSpec };
  if (!before.volumeName) delete before.volumeName;
  if (!before.storageClassName) delete before.storageClassName;
  if (!deepEqual(restored, before)) {
    const detail =
      'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';
    errors.forbidden(path, detail);
  }
  const capacity = old.status?.capacity?.['storage'];
  if (size !== undefined && oldSize !== undefined && compareQuantity(size, oldSize) < 0) {
    if (compareQuantity(size, capacity ?? 0) <= 0) {
      const detail = 'field can not be less than status.capacity';
      errors.forbidden(path.child('resources', 'requests', 'storage'), detail);
    }
  }
  validateImmutable(spec.volumeMode, oldSpec.volumeMode, FieldPath.root('volumeMode'), errors);
}

export const persistentVolumeClaimStrategy: Strategy = {
  applyDefaults(object) {
    const claim = object as PersistentVolumeClaim;
    setIfAbsent(claim, 'spec', {});
    defaultClaimSpec(claim.spec as Record<string, unknown>);
    setIfAbsent(claim, 'status', {});
    setIfZero(claim.status!, 'phase', 'Pending');
  },
  prepareForCreate: (object) => mirrorDataSources((object as PersistentVolumeClaim).spec ?? {}),
  prepareForUpdate(object, _old, context) {
    if (context.subresource === '') mirrorDataSources((object as PersistentVolumeClaim).spec ?? {});
  },
  validate: (object, errors) =>
    validateClaimSpec((object as Readonly<PersistentVolumeClaim>).spec ?? {}, FieldPath.root('spec'), errors),
  validateUpdate: (object, old, errors) =>
    validateUpdate(object as Readonly<PersistentVolumeClaim>, old as Readonly<PersistentVolumeClaim>, errors),
};
