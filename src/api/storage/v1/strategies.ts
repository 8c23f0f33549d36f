/** Upstream: pkg/registry/storage, pkg/apis/storage/{v1/defaults,validation/validation}.go (1.36). */
import { type FieldErrorList, FieldPath, isQualifiedName } from '../../../apimachinery/index.ts';
import { setIfAbsent } from '../../defaulting.ts';
import type { Strategy } from '../../definition.ts';
import type { CSIDriver, StorageClass } from '../../types.ts';
import { invalidEach, validateImmutable, validateOptionalEnum } from '../../validation.ts';

function validateStorageClass(storage: Readonly<StorageClass>, errors: FieldErrorList): void {
  const { provisioner, reclaimPolicy, volumeBindingMode } = storage;
  const path = FieldPath.root('provisioner');
  if (!provisioner) errors.required(path);
  else {
    const name = provisioner.toLowerCase();
    invalidEach(isQualifiedName(name), name, path, errors);
  }
  validateOptionalEnum(reclaimPolicy, ['Delete', 'Retain'], FieldPath.root('reclaimPolicy'), errors);
  const modes = ['Immediate', 'WaitForFirstConsumer'];
  if (volumeBindingMode === undefined) errors.required(FieldPath.root('volumeBindingMode'));
  else validateOptionalEnum(volumeBindingMode, modes, FieldPath.root('volumeBindingMode'), errors);
}

export const storageClassStrategy: Strategy = {
  applyDefaults(object) {
    setIfAbsent(object, 'reclaimPolicy', 'Delete');
    setIfAbsent(object, 'volumeBindingMode', 'Immediate');
  },
  validate: (object, errors) => validateStorageClass(object as Readonly<StorageClass>, errors),
  validateUpdate(object, old, errors) {
    for (const field of ['parameters', 'provisioner', 'reclaimPolicy', 'volumeBindingMode'] as const) {
      validateImmutable(object[field], old[field], FieldPath.root(field), errors);
    }
  },
};

/** Checked by its schema only; the defaults are upstream's. */
export const csiDriverStrategy: Strategy = {
  generation: 'spec',
  allowUnconditionalUpdate: false,
  applyDefaults(object) {
    const driver = object as CSIDriver;
    driver.spec ??= {};
    const spec: Record<string, unknown> = driver.spec as Record<string, unknown>;
    setIfAbsent(spec, 'attachRequired', true);
    for (const field of ['podInfoOnMount', 'storageCapacity', 'requiresRepublish', 'seLinuxMount']) {
      setIfAbsent(spec, field, false);
    }
    setIfAbsent(spec, 'fsGroupPolicy', 'ReadWriteOnceWithFSType');
    if ((driver.spec.volumeLifecycleModes ?? []).length === 0) driver.spec.volumeLifecycleModes = ['Persistent'];
  },
};
