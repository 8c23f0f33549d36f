/** Which ResourceClaims a pod has. Upstream: k8s.io/dynamic-resource-allocation/resourceclaim (1.36). */
import type { Pod, ResourceClaim } from '../../api/index.ts';
import type { SharedInformer } from '../../client/index.ts';
import { isPodTerminal, type ReadPod } from './pods.ts';

type PodResourceClaim = NonNullable<NonNullable<Pod['spec']>['resourceClaims']>[number];

export type ClaimName =
  /** `checkOwner`: it was made for the pod, so it must be the pod's own. */
  | { readonly state: 'named'; readonly name: string; readonly checkOwner: boolean }
  /** Still to be made from its template. */
  | { readonly state: 'missing' }
  /** The pod gets along without. */
  | { readonly state: 'unneeded' };

/** @throws Error when the entry names neither a claim nor a template */
export function claimNameOf(pod: ReadPod, entry: PodResourceClaim): ClaimName {
  if (entry.resourceClaimName !== undefined) {
    return { state: 'named', name: entry.resourceClaimName, checkOwner: false };
  }
  if (entry.resourceClaimTemplateName === undefined) {
    throw new Error(
      `pod "${pod.metadata.namespace}/${pod.metadata.name}", spec.resourceClaim "${entry.name}": unsupported claim type`,
    );
  }
  const status = pod.status?.resourceClaimStatuses?.find(({ name }) => name === entry.name);
  if (status === undefined) return { state: 'missing' };
  if (status.resourceClaimName === undefined) return { state: 'unneeded' };
  return { state: 'named', name: status.resourceClaimName, checkOwner: true };
}

/** Names of the claims that a pod has now. */
export function claimNamesOf(pod: ReadPod): string[] {
  const names = (pod.spec?.resourceClaims ?? []).flatMap((entry) => {
    if (entry.resourceClaimName !== undefined) return entry.resourceClaimName;
    return pod.status?.resourceClaimStatuses?.find(({ name }) => name === entry.name)?.resourceClaimName ?? [];
  });
  const extended = pod.status?.extendedResourceClaimStatus?.resourceClaimName;
  return extended === undefined ? names : [...names, extended];
}

export function isReservedFor(claim: Readonly<ResourceClaim>, pod: ReadPod): boolean {
  return claim.status?.reservedFor?.some(({ uid }) => uid === pod.metadata.uid) ?? false;
}

/** It has run to its end, or was deleted before it had a node. */
export function isPodDone(pod: ReadPod): boolean {
  return isPodTerminal(pod) || (pod.metadata.deletionTimestamp !== undefined && !pod.spec?.nodeName);
}

/** Pods by the claims they have, `namespace/name`. */
export const podResourceClaimIndex = 'podResourceClaim';

export function addPodResourceClaimIndex(pods: SharedInformer<Pod>): void {
  pods.addIndexers({
    [podResourceClaimIndex]: (pod) => claimNamesOf(pod).map((name) => `${pod.metadata.namespace}/${name}`),
  });
}
