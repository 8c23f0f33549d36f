import { claimsOfPod, type Pod } from '../../api/index.ts';
import type { SharedInformer } from '../../client/index.ts';

export const podClaimIndex = 'podClaim';

/** Index of pods by `namespace/name` of the claims their volumes name. */
export function addPodClaimIndex(pods: SharedInformer<Pod>): void {
  pods.addIndexers({
    [podClaimIndex]: (pod) => claimsOfPod(pod).map(({ name }) => `${pod.metadata.namespace}/${name}`),
  });
}
