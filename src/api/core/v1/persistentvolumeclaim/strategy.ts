/** Upstream: pkg/registry/core/persistentvolumeclaim/strategy.go (1.36). */
import { setIfAbsent, setIfZero } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import { rules } from '../../../place.ts';
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '../../../types.ts';
import { defaultClaimSpec } from '../pod/defaults.ts';
import { claimSpecWarnings } from '../pod/warnings.ts';
import { validateClaimSpec, validateClaimStatus, validateClaimUpdate } from './validation.ts';

const betaStorageClass = 'volume.beta.kubernetes.io/storage-class';
const deprecatedStorageClass = `metadata.annotations[${betaStorageClass}]: deprecated since v1.8; use "storageClassName" attribute instead`;

const isClaimOrSnapshot = ({ apiGroup = '', kind }: NonNullable<PersistentVolumeClaimSpec['dataSource']>): boolean =>
  (apiGroup === '' && kind === 'PersistentVolumeClaim') ||
  (apiGroup === 'snapshot.storage.k8s.io' && kind === 'VolumeSnapshot');

/**
 * `dataSource` takes claims and snapshots only, anything else is dropped; it and `dataSourceRef` mirror each other unless
 * the latter crosses namespaces. Upstream: pkg/api/persistentvolumeclaim/util.go.
 */
function settleDataSources(spec: PersistentVolumeClaimSpec, old?: Readonly<PersistentVolumeClaimSpec>): void {
  const hadSource = old?.dataSource !== undefined || old?.dataSourceRef !== undefined;
  if (!hadSource && spec.dataSource && !spec.dataSourceRef && !isClaimOrSnapshot(spec.dataSource)) {
    delete spec.dataSource;
  }
  if (spec.dataSource && !spec.dataSourceRef) spec.dataSourceRef = { ...spec.dataSource };
  else if (spec.dataSourceRef && !spec.dataSource && !spec.dataSourceRef.namespace) {
    const { namespace: _, ...source } = spec.dataSourceRef;
    spec.dataSource = source;
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
  prepareForCreate: (object) => settleDataSources((object as PersistentVolumeClaim).spec ?? {}),
  prepareForUpdate(object, old, context) {
    if (context.subresource !== '') return;
    const before = (old as Readonly<PersistentVolumeClaim>).spec;
    settleDataSources((object as PersistentVolumeClaim).spec ?? {}, before);
  },
  ...rules((object) => validateClaimSpec(object.child('spec')), validateClaimUpdate, validateClaimStatus),
  warnings(object) {
    const { metadata, spec } = object as Readonly<PersistentVolumeClaim>;
    const isOld = metadata.annotations?.[betaStorageClass] !== undefined;
    return [...(isOld ? [deprecatedStorageClass] : []), ...claimSpecWarnings(spec, 'spec')];
  },
};
