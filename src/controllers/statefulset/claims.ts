/**
 * Whose a StatefulSet's claims are: with a retention policy of Delete the claim gets the set or the pod as its owner, and
 * goes with it. Upstream: pkg/controller/statefulset/stateful_set_utils.go (isClaimOwnerUpToDate and what follows).
 */
import type { PersistentVolumeClaim } from '../../api/index.ts';
import { type KubeObject, newControllerRef, type OwnerReference } from '../../apimachinery/index.ts';
import type { ReadPod } from '../common/pods.ts';
import { isInRange, type ReadSet } from './pods.ts';

type ReadClaim = Readonly<PersistentVolumeClaim>;

function names(ref: OwnerReference, object: Readonly<KubeObject>): boolean {
  return ref.apiVersion === object.apiVersion && ref.kind === object.kind && ref.name === object.metadata.name;
}

const refsOf = (claim: ReadClaim): readonly OwnerReference[] => claim.metadata.ownerReferences ?? [];

function hasOwner(claim: ReadClaim, owner: Readonly<KubeObject>): boolean {
  return refsOf(claim).some((ref) => ref.uid === owner.metadata.uid);
}

/** The owner by name, with another uid: it was deleted and made anew, and the claim is about to go. */
export function hasStaleOwner(claim: ReadClaim, owner: Readonly<KubeObject>): boolean {
  const ref = refsOf(claim).find((each) => names(each, owner));
  return ref !== undefined && ref.uid !== owner.metadata.uid;
}

function policyOf(set: ReadSet): { readonly onScale: boolean; readonly onDelete: boolean } {
  const { whenScaled, whenDeleted } = set.spec?.persistentVolumeClaimRetentionPolicy ?? {};
  return { onScale: whenScaled === 'Delete', onDelete: whenDeleted === 'Delete' };
}

export function deletesOnScale(set: ReadSet): boolean {
  return policyOf(set).onScale;
}

/** Someone else decides about the claim: the policy does not apply. */
export function hasUnexpectedController(claim: ReadClaim, set: ReadSet, pod: ReadPod): boolean {
  const { onScale, onDelete } = policyOf(set);
  if (!onScale && !onDelete) return false;
  return refsOf(claim).some((ref) => {
    if (names(ref, set)) return ref.uid !== set.metadata.uid;
    if (names(ref, pod)) return ref.uid !== pod.metadata.uid;
    return ref.controller === true;
  });
}

/** Who should own the claim, of the set and the pod. */
function wantedOwners(set: ReadSet, pod: ReadPod): { readonly set: boolean; readonly pod: boolean } {
  const { onScale, onDelete } = policyOf(set);
  const scaledDown = !isInRange(set, pod);
  return { set: onDelete && !(onScale && scaledDown), pod: onScale && scaledDown };
}

export function isClaimUpToDate(claim: ReadClaim, set: ReadSet, pod: ReadPod): boolean {
  if (hasStaleOwner(claim, set) || hasStaleOwner(claim, pod)) return true;
  if (hasUnexpectedController(claim, set, pod)) return !hasOwner(claim, set) && !hasOwner(claim, pod);
  const ours = refsOf(claim).filter((ref) => ref.uid === set.metadata.uid || ref.uid === pod.metadata.uid);
  if (ours.some((ref) => ref.controller !== true)) return false;
  const wanted = wantedOwners(set, pod);
  return hasOwner(claim, set) === wanted.set && hasOwner(claim, pod) === wanted.pod;
}

export function withOwners(claim: ReadClaim, set: ReadSet, pod: ReadPod): PersistentVolumeClaim {
  const ownerReferences = refsOf(claim).filter((ref) => !names(ref, set) && !names(ref, pod));
  if (!hasUnexpectedController(claim, set, pod)) {
    const wanted = wantedOwners(set, pod);
    if (wanted.pod) ownerReferences.push(newControllerRef(pod));
    if (wanted.set) ownerReferences.push(newControllerRef(set));
  }
  return { ...claim, metadata: { ...claim.metadata, ownerReferences } };
}
