/**
 * The finalizer that keeps a pod from going before its job has counted it.
 * Upstream: pkg/controller/job/tracking_utils.go.
 */
import type { Pod } from '../../api/index.ts';
import type { ResourceClient } from '../../client/index.ts';
import type { ReadPod } from '../common/pods.ts';

export const trackingFinalizer = 'batch.kubernetes.io/job-tracking';

export function hasTrackingFinalizer(pod: ReadPod): boolean {
  return pod.metadata.finalizers?.includes(trackingFinalizer) ?? false;
}

/** Nothing when the pod has none. @throws StatusError */
export async function removeTrackingFinalizer(client: ResourceClient<Pod>, pod: ReadPod): Promise<void> {
  if (!hasTrackingFinalizer(pod)) return;
  const patch = { metadata: { '$deleteFromPrimitiveList/finalizers': [trackingFinalizer] } };
  await client.namespace(pod.metadata.namespace).patch(pod.metadata.name!, 'strategic', patch, { handOver: true });
}

/** Pods of a job whose finalizer was taken off and whose cached form still has it. */
export class FinalizerExpectations {
  readonly #byKey = new Map<string, Set<string>>();

  /** Uids at this moment, a copy. */
  expected(key: string): ReadonlySet<string> {
    return new Set(this.#byKey.get(key));
  }

  expectRemoved(key: string, uids: Iterable<string>): void {
    const set = this.#byKey.get(key) ?? new Set();
    for (const uid of uids) set.add(uid);
    this.#byKey.set(key, set);
  }

  removalObserved(key: string, uid: string): void {
    const set = this.#byKey.get(key);
    if (set?.delete(uid) && set.size === 0) this.#byKey.delete(key);
  }

  forget(key: string): void {
    this.#byKey.delete(key);
  }
}
