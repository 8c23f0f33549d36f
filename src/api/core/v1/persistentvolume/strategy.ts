/** Upstream: pkg/registry/core/persistentvolume/strategy.go (1.36). */
import { rfc3339 } from '../../../../base/index.ts';
import { canonicalResources, setIfAbsent, setIfZero } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import { rules } from '../../../place.ts';
import type { PersistentVolume } from '../../../types.ts';
import { nodeTermWarnings } from '../pod/warnings.ts';
import { validatePersistentVolumeSpec, validatePersistentVolumeUpdate } from './validation.ts';

const deprecatedAnnotations = [
  ['volume.beta.kubernetes.io/storage-class', 'deprecated since v1.8; use "storageClassName" attribute instead'],
  ['volume.beta.kubernetes.io/mount-options', 'deprecated since v1.31; use "mountOptions" attribute instead'],
] as const;

/** Sources in upstream's order, each with its name there and what became of it. */
const goneSources = [
  ['cephfs', 'cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  ['photonPersistentDisk', 'photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  ['scaleIO', 'scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['storageos', 'storageOS', 'deprecated in v1.22, non-functional in v1.25+'],
  ['glusterfs', 'glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  ['rbd', 'rbd', 'deprecated in v1.28, non-functional in v1.31+'],
] as const;

/** Upstream: pkg/api/persistentvolume/util.go. */
function* volumeWarnings({ metadata, spec }: Readonly<PersistentVolume>): Generator<string> {
  for (const [key, message] of deprecatedAnnotations) {
    if (metadata.annotations?.[key] !== undefined) yield `metadata.annotations[${key}]: ${message}`;
  }
  if (spec?.persistentVolumeReclaimPolicy === 'Recycle') {
    yield 'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.';
  }
  for (const [index, term] of (spec?.nodeAffinity?.required?.nodeSelectorTerms ?? []).entries()) {
    yield* nodeTermWarnings(term, `spec.nodeAffinity.required.nodeSelectorTerms[${index}]`, false);
  }
  for (const [field, name, message] of goneSources) if (spec?.[field]) yield `spec.${name}: ${message}`;
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
  ...rules(
    (object) => validatePersistentVolumeSpec(object.child('spec'), { name: object.value.metadata.name ?? '' }),
    validatePersistentVolumeUpdate,
  ),
  warnings: (object) => [...volumeWarnings(object as Readonly<PersistentVolume>)],
};
