/** Upstream: pkg/registry/core/persistentvolume/strategy.go (1.36). */
import { rfc3339 } from '../../../../base/index.ts';
import { canonicalResources, setIfAbsent, setIfZero } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import { rules } from '../../../place.ts';
import type { PersistentVolume } from '../../../types.ts';
import { validatePersistentVolumeSpec, validatePersistentVolumeUpdate } from './validation.ts';

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
  ...rules(
    (object) => validatePersistentVolumeSpec(object.child('spec'), { name: object.value.metadata.name ?? '' }),
    validatePersistentVolumeUpdate,
  ),
};
