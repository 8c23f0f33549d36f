/**
 * How claims and volumes find each other: shared by the binder and the scheduler.
 * Upstream: component-helpers/storage/volume (1.36).
 */
import { compareQuantity, isControlledBy, selectorFromLabelSelector } from '../../apimachinery/index.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from '../types.ts';

export const bindCompletedAnnotation = 'pv.kubernetes.io/bind-completed';
export const boundByControllerAnnotation = 'pv.kubernetes.io/bound-by-controller';
export const provisionedByAnnotation = 'pv.kubernetes.io/provisioned-by';
export const selectedNodeAnnotation = 'volume.kubernetes.io/selected-node';
export const storageProvisionerAnnotation = 'volume.kubernetes.io/storage-provisioner';
export const betaStorageProvisionerAnnotation = 'volume.beta.kubernetes.io/storage-provisioner';
export const betaStorageClassAnnotation = 'volume.beta.kubernetes.io/storage-class';
/** Provisioner of classes whose volumes are made by hand. */
export const noProvisioner = 'kubernetes.io/no-provisioner';

type Claim = Readonly<PersistentVolumeClaim>;
type Volume = Readonly<PersistentVolume>;

/** The class a claim asks for; empty: volumes without a class. */
export function classOfClaim(claim: Claim): string {
  return claim.metadata.annotations?.[betaStorageClassAnnotation] ?? claim.spec?.storageClassName ?? '';
}

export function classOfVolume(volume: Volume): string {
  return volume.metadata.annotations?.[betaStorageClassAnnotation] ?? volume.spec?.storageClassName ?? '';
}

/** Says neither a class nor that it wants none: a default class may still be given to it. */
export function lacksClass(claim: Claim): boolean {
  const { storageClassName } = claim.spec ?? {};
  return (
    claim.metadata.annotations?.[betaStorageClassAnnotation] === undefined &&
    (storageClassName === undefined || storageClassName === null)
  );
}

/** The binder has finished with the claim. */
export function isClaimBound(claim: Claim): boolean {
  return Boolean(claim.spec?.volumeName) && claim.metadata.annotations?.[bindCompletedAnnotation] !== undefined;
}

/** The volume names this claim, by uid or (bound in advance by a user) by name alone. */
export function isVolumeBoundToClaim(volume: Volume, claim: Claim): boolean {
  const reference = volume.spec?.claimRef;
  if (!reference) return false;
  if (reference.name !== claim.metadata.name || reference.namespace !== claim.metadata.namespace) return false;
  return !reference.uid || reference.uid === claim.metadata.uid;
}

/** Binding waits for a pod that uses the claim. */
export function delaysBinding(storageClass: Readonly<StorageClass> | undefined): boolean {
  return storageClass?.['volumeBindingMode'] === 'WaitForFirstConsumer';
}

export function storageRequest(claim: Claim): string | number {
  return (claim.spec?.resources?.requests?.['storage'] as string | number | undefined) ?? 0;
}

export function storageCapacity(volume: Volume): string | number {
  return (volume.spec?.capacity?.['storage'] as string | number | undefined) ?? 0;
}

/** Only then may the two be bound. */
export function volumeModesDiffer(claim: Claim, volume: Volume): boolean {
  return (claim.spec?.volumeMode ?? 'Filesystem') !== (volume.spec?.volumeMode ?? 'Filesystem');
}

export function accessModesFit(claim: Claim, volume: Volume): boolean {
  const offered = volume.spec?.accessModes ?? [];
  return (claim.spec?.accessModes ?? []).every((mode) => offered.includes(mode));
}

/**
 * What keeps a claim from the volume it asks for by name; undefined when nothing does.
 * Upstream: pv_controller.go checkVolumeSatisfyClaim.
 */
export function unsatisfied(volume: Volume, claim: Claim): string | undefined {
  if (compareQuantity(storageCapacity(volume), storageRequest(claim)) < 0) return 'requested PV is too small';
  if (classOfVolume(volume) !== classOfClaim(claim)) return 'storageClassName does not match';
  if ((volume.spec?.volumeAttributesClassName ?? '') !== (claim.spec?.volumeAttributesClassName ?? '')) {
    return 'volumeAttributesClassName does not match';
  }
  if (volumeModesDiffer(claim, volume)) return 'incompatible volumeMode';
  if (!accessModesFit(claim, volume)) return 'incompatible accessMode';
  return undefined;
}

export interface MatchOptions {
  /** Names of volumes that are taken already. */
  readonly excluded?: ReadonlySet<string>;
  /** The class waits for a first consumer. */
  readonly delayBinding: boolean;
  /** The volume can be reached from the node in question; absent when no node is (the binder). */
  fitsNode?(volume: Volume): boolean;
}

/** The volume bound to the claim in advance, else the smallest that fits. Upstream: FindMatchingVolume. */
export function findMatchingVolume(claim: Claim, volumes: Iterable<Volume>, options: MatchOptions): Volume | undefined {
  const { excluded, delayBinding, fitsNode } = options;
  const wanted = storageRequest(claim);
  const className = classOfClaim(claim);
  const selector = claim.spec?.selector ? selectorFromLabelSelector(claim.spec.selector as never) : undefined;
  let smallest: Volume | undefined;
  for (const volume of volumes) {
    if (excluded?.has(volume.metadata.name!) || volume.metadata.deletionTimestamp !== undefined) continue;
    const bound = isVolumeBoundToClaim(volume, claim);
    if (volume.spec?.claimRef && !bound) continue;
    if (compareQuantity(storageCapacity(volume), wanted) < 0 || volumeModesDiffer(claim, volume)) continue;
    if ((volume.spec?.volumeAttributesClassName ?? '') !== (claim.spec?.volumeAttributesClassName ?? '')) continue;
    if (bound) return fitsNode && !fitsNode(volume) ? undefined : volume;
    // Without a node the scheduler is to choose.
    if (!fitsNode && delayBinding) continue;
    if (volume.status?.phase !== 'Available') continue;
    if (selector && !selector.matches(volume.metadata.labels)) continue;
    if (classOfVolume(volume) !== className || !accessModesFit(claim, volume)) continue;
    if (fitsNode && !fitsNode(volume)) continue;
    if (!smallest || compareQuantity(storageCapacity(volume), storageCapacity(smallest)) < 0) smallest = volume;
  }
  return smallest;
}

export interface PodClaim {
  /** Of the claim. */
  readonly name: string;
  /** Made for this pod alone by the ephemeral volume controller. */
  readonly ephemeral: boolean;
}

/** Claims that the pod's volumes name. */
export function claimsOfPod(pod: Readonly<Pod>): PodClaim[] {
  const claims: PodClaim[] = [];
  for (const volume of pod.spec?.volumes ?? []) {
    if (volume.persistentVolumeClaim) claims.push({ name: volume.persistentVolumeClaim.claimName, ephemeral: false });
    else if (volume.ephemeral) claims.push({ name: `${pod.metadata.name}-${volume.name}`, ephemeral: true });
  }
  return claims;
}

/** The claim of an ephemeral volume must be the pod's own. Upstream: ephemeral.VolumeIsForPod. */
export function ephemeralClaimError(pod: Readonly<Pod>, claim: Claim): string | undefined {
  if (claim.metadata.namespace === pod.metadata.namespace && isControlledBy(claim, pod)) return undefined;
  const of = (object: Claim | Readonly<Pod>) => `${object.metadata.namespace}/${object.metadata.name}`;
  return `PVC ${of(claim)} was not created for pod ${of(pod)} (pod is not owner)`;
}

/** Node selector terms of a volume; undefined: it can be reached from everywhere. */
export function volumeNodeTerms(volume: Volume): readonly object[] | undefined {
  return volume.spec?.nodeAffinity?.required?.nodeSelectorTerms as readonly object[] | undefined;
}
