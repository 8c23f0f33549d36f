/** The claims of a pod. Upstream: dynamic-resource-allocation/resourceclaim/resourceclaim.go (1.36). */
import type { Pod } from '../../api/index.ts';
import type { Claim, ClaimTracker } from './claims.ts';

export function isReservedFor(claim: Claim, pod: Readonly<Pod>): boolean {
  return claim.status?.reservedFor?.some(({ uid }) => uid === pod.metadata.uid) ?? false;
}

/** Its claims, or why the pod must wait for one. */
export function claimsOf(pod: Readonly<Pod>, tracker: ClaimTracker): readonly Claim[] | string {
  const entries = pod.spec?.resourceClaims ?? [];
  const claims: Claim[] = [];
  const { namespace = '', name: podName, uid } = pod.metadata;
  for (const { name: entry, resourceClaimName, resourceClaimTemplateName } of entries) {
    let name = resourceClaimName;
    if (name === undefined) {
      if (resourceClaimTemplateName === undefined) {
        return `pod "${namespace}/${podName}", spec.resourceClaim "${entry}": none of the supported fields are set`;
      }
      const status = pod.status?.resourceClaimStatuses?.find((made) => made.name === entry);
      if (!status) return `pod "${namespace}/${podName}": ResourceClaim not created yet`;
      // The pod gets along without.
      if (status.resourceClaimName === undefined) continue;
      name = status.resourceClaimName;
    }
    const claim = tracker.get(namespace, name);
    if (!claim) return `resourceclaim.resource.k8s.io "${name}" not found`;
    if (claim.metadata.deletionTimestamp !== undefined) return `resourceclaim "${name}" is being deleted`;
    const owner = claim.metadata.ownerReferences?.find(({ controller }) => controller);
    if (resourceClaimName === undefined && owner?.uid !== uid) {
      return `ResourceClaim ${namespace}/${name} was not created for Pod ${namespace}/${podName} (Pod is not owner)`;
    }
    claims.push(claim);
  }
  return claims;
}
