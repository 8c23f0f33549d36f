/** Upstream: pkg/registry/core/persistentvolume/strategy.go, pkg/apis/core/validation/validation.go (1.36). */
import { deepEqual, type FieldErrorList, FieldPath, nameIsDnsSubdomain } from '../../../../apimachinery/index.ts';
import { rfc3339 } from '../../../../base/index.ts';
import { canonicalResources, setIfAbsent, setIfZero } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import type { PersistentVolume, PersistentVolumeSpec } from '../../../types.ts';
import { invalidEach, mustBePositive, validateImmutable, validateOptionalEnum } from '../../../validation.ts';
import { validateAccessModes } from '../persistentvolumeclaim/strategy.ts';
import { validateResourceQuantity } from '../pod/validation-resources.ts';
import { validateNodeSelector } from '../pod/validation-scheduling.ts';

/** Fields of the spec that are no volume source. */
const plainFields = new Set([
  'accessModes',
  'capacity',
  'claimRef',
  'mountOptions',
  'nodeAffinity',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'volumeAttributesClassName',
  'volumeMode',
]);

function sourcesOf(spec: Readonly<PersistentVolumeSpec>): string[] {
  return Object.keys(spec).filter((field) => !plainFields.has(field));
}

function validateSpec(spec: Readonly<PersistentVolumeSpec>, path: FieldPath, errors: FieldErrorList): void {
  const modes = spec.accessModes ?? [];
  if (modes.length === 0) errors.required(path.child('accessModes'));
  validateAccessModes(modes, path.child('accessModes'), errors);
  const capacity = spec.capacity ?? {};
  if (Object.keys(capacity).length === 0) errors.required(path.child('capacity'));
  else if (capacity['storage'] === undefined || Object.keys(capacity).length > 1) {
    errors.notSupported(path.child('capacity'), capacity, ['storage']);
  }
  for (const [name, amount] of Object.entries(capacity)) {
    const at = path.child('capacity').key(name);
    const quantity = validateResourceQuantity(name, amount, at, errors);
    if (quantity?.sign === 0) errors.invalid(at, quantity.toString(), mustBePositive);
  }
  const policies = ['Delete', 'Recycle', 'Retain'];
  const policyPath = path.child('persistentVolumeReclaimPolicy');
  validateOptionalEnum(spec.persistentVolumeReclaimPolicy, policies, policyPath, errors);
  const required = spec.nodeAffinity?.required;
  if (required) validateNodeSelector(required, path.child('nodeAffinity', 'required'), errors);
  else if (spec.nodeAffinity) {
    errors.required(path.child('nodeAffinity', 'required'), 'must specify required node constraints');
  }
  const sources = sourcesOf(spec);
  if (sources.length === 0) errors.required(path, 'must specify a volume type');
  for (const source of sources.slice(1)) {
    errors.forbidden(path.child(source), 'may not specify more than 1 volume type');
  }
  if (spec.local && !spec.nodeAffinity) {
    errors.required(path.child('nodeAffinity'), 'Local volume requires node affinity');
  }
  const className = spec.storageClassName;
  if (className) invalidEach(nameIsDnsSubdomain(className, false), className, path.child('storageClassName'), errors);
  validateOptionalEnum(spec.volumeMode, ['Block', 'Filesystem'], path.child('volumeMode'), errors);
}

export const persistentVolumeStrategy: Strategy = {
  applyDefaults(object) {
    const typed = object as PersistentVolume;
    typed.spec ??= {};
    const spec = typed.spec;
    setIfZero(spec, 'persistentVolumeReclaimPolicy', 'Retain');
    setIfAbsent(spec, 'volumeMode', 'Filesystem');
    if (spec.hostPath) setIfAbsent(spec.hostPath, 'type', '');
    canonicalResources(spec.capacity as Record<string, unknown> | undefined);
  },
  prepareForUpdate(object, old, context) {
    const status = (object as PersistentVolume).status;
    const before = (old as Readonly<PersistentVolume>).status;
    if (context.subresource !== 'status' || !status) return;
    // Phase changes carry their time.
    if (before?.phase === status.phase) return;
    if (status.lastPhaseTransitionTime === before?.lastPhaseTransitionTime) {
      status.lastPhaseTransitionTime = rfc3339(context.now);
    }
  },
  validate: (object, errors) =>
    validateSpec((object as Readonly<PersistentVolume>).spec ?? {}, FieldPath.root('spec'), errors),
  validateUpdate(object, old, errors) {
    const spec = (object as Readonly<PersistentVolume>).spec ?? {};
    const before = (old as Readonly<PersistentVolume>).spec ?? {};
    validateSpec(spec, FieldPath.root('spec'), errors);
    const source = (value: Readonly<PersistentVolumeSpec>) =>
      Object.fromEntries(Object.entries(value).filter(([field]) => !plainFields.has(field)));
    if (!deepEqual(source(spec), source(before))) {
      const detail = 'spec.persistentvolumesource is immutable after creation';
      errors.forbidden(FieldPath.root('spec', 'persistentvolumesource'), detail);
    }
    validateImmutable(spec.volumeMode, before.volumeMode, FieldPath.root('volumeMode'), errors);
  },
};
