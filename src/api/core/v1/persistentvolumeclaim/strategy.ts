/** Upstream: pkg/registry/core/persistentvolumeclaim/strategy.go (1.36). */
import { setIfAbsent, setIfZero } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import { rules } from '../../../place.ts';
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '../../../types.ts';
import { defaultClaimSpec } from '../pod/defaults.ts';
import { validateClaimSpec, validateClaimStatus, validateClaimUpdate } from './validation.ts';

/** `dataSource` and `dataSourceRef` mirror each other unless the latter crosses namespaces. */
function mirrorDataSources(spec: PersistentVolumeClaimSpec): void {
  if (spec.dataSource && !spec.dataSourceRef) spec.dataSourceRef = { ...spec.dataSource };
  else if (spec.dataSourceRef && !spec.dataSource && !spec.dataSourceRef.namespace) {
    spec.dataSource = { ...spec.dataSourceRef };
  }
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
  ...rules((object) => validateClaimSpec(object.child('spec')), validateClaimUpdate, validateClaimStatus),
};
