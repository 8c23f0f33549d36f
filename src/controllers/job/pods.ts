/** Creates and deletes a job's pods. Upstream: manageJob, deleteActivePods, deleteJobPods, activePodsForRemoval. */
import type { Pod } from '../../api/index.ts';
import { hasNamespaceTerminatingCause, isNotFound, objectKey } from '../../apimachinery/index.ts';
import type { Clock } from '../../base/index.ts';
import type { KubeClient } from '../../client/index.ts';
import type { ControllerExpectations } from '../common/expectations.ts';
import { type PodControl, slowStartBatch } from '../common/pod-control.ts';
import { compareActivePods } from '../common/pod-deletion-order.ts';
import { isPodReady, type ReadPod } from '../common/pods.ts';
import { finishedTime, remainingBackoffMs } from './backoff.ts';
import {
  absoluteFailureCount,
  completionIndex,
  firstPendingIndexes,
  generateNameOfIndex,
  hasBackoffPerIndex,
  isIndexed,
  templateOfIndex,
  validIndex,
  withIndexVariables,
} from './indexed.ts';
import { onlyReplacesFailedPods } from './policies.ts';
import type { SyncState } from './sync-state.ts';
import { removeTrackingFinalizer, trackingFinalizer } from './tracking-finalizer.ts';

const maxCreatedOrDeletedPerSync = 500;

export interface PodDeps {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly podControl: PodControl;
  readonly expectations: ControllerExpectations;
  /** Syncs the job again, at the earliest after a second. */
  requeue(key: string, ms: number): void;
}

/** Makes the number of active pods what it should be; returns what went wrong. Changes the state's counts. */
export async function managePods(deps: PodDeps, state: SyncState): Promise<unknown> {
  const { job, activePods } = state;
  if (job.spec?.suspend) return deletePods(deps, state, podsForRemoval(state, activePods.length));
  const wanted = wantedActive(state);
  const surplus = podsForRemoval(state, Math.max(0, activePods.length - wanted));
  if (surplus.length > 0) return deletePods(deps, state, surplus.slice(0, maxCreatedOrDeletedPerSync));
  const held = onlyReplacesFailedPods(job) ? state.terminating : 0;
  const missing = wanted - held - activePods.length;
  return missing > 0 ? createPods(deps, state, missing) : undefined;
}

function wantedActive({ job, succeeded, activePods }: SyncState): number {
  const parallelism = job.spec!.parallelism ?? 1;
  const completions = job.spec!.completions;
  // A work queue: the first success means that there is no more work.
  if (completions === undefined) return succeeded > 0 ? activePods.length : parallelism;
  return Math.max(0, Math.min(parallelism, completions - succeeded));
}

async function createPods(deps: PodDeps, state: SyncState, missing: number): Promise<unknown> {
  const { job, key } = state;
  const now = deps.clock.now();
  const perIndex = hasBackoffPerIndex(job);
  const wait = perIndex ? 0 : remainingBackoffMs(state.backoff, now);
  if (wait > 0) {
    state.active = 0;
    deps.requeue(key, wait);
    return undefined;
  }
  let count = Math.min(missing, maxCreatedOrDeletedPerSync);
  let indexes: number[] | undefined;
  if (isIndexed(job)) {
    indexes = firstPendingIndexes(job, count, {
      pods: state.pods,
      activePods: state.activePods,
      succeeded: state.succeededIndexes,
      failed: state.failedIndexes,
    });
    if (perIndex) {
      const { due, waitMs } = dueIndexes(state, indexes, now);
      if (waitMs > 0) {
        state.active = 0;
        deps.requeue(key, waitMs);
        return undefined;
      }
      indexes = due;
    }
    count = indexes.length;
  }
  if (count === 0) return undefined;
  const { metadata } = job.spec!.template;
  const finalizers = metadata?.finalizers ?? [];
  const tracked = {
    ...job.spec!.template,
    metadata: {
      ...metadata,
      finalizers: finalizers.includes(trackingFinalizer) ? finalizers : [...finalizers, trackingFinalizer],
    },
  };
  const template = indexes ? withIndexVariables(tracked) : tracked;
  deps.expectations.expectCreations(key, count);
  const { successes, error } = await slowStartBatch(count, async (i) => {
    try {
      if (!indexes) await deps.podControl.create(template, job);
      else {
        const index = indexes[i]!;
        const own = templateOfIndex(job, template, index, state.delayedPerIndex.get(index));
        await deps.podControl.create(own, job, generateNameOfIndex(job.metadata.name!, index));
      }
    } catch (error) {
      // The namespace is going: nothing to report, and the expectation runs out.
      if (!hasNamespaceTerminatingCause(error)) throw error;
    }
  });
  state.active += successes;
  if (successes < count) deps.expectations.creationObserved(key, count - successes);
  return error;
}

/** Indexes whose back-off is over, or how long until the first one's is when none is. */
function dueIndexes(state: SyncState, indexes: readonly number[], now: number): { due: number[]; waitMs: number } {
  const due: number[] = [];
  let waitMs = 0;
  for (const index of indexes) {
    const failed = state.delayedPerIndex.get(index);
    const left = failed
      ? remainingBackoffMs(
          { failuresAfterLastSuccess: absoluteFailureCount(failed) + 1, lastFailureMs: finishedTime(failed) },
          now,
        )
      : 0;
    if (left === 0) due.push(index);
    else if (waitMs === 0 || left < waitMs) waitMs = left;
  }
  return due.length > 0 ? { due, waitMs: 0 } : { due, waitMs };
}

/** Pods to delete: of an indexed job always those beyond its size and doubles; then the least useful. */
function podsForRemoval({ job, activePods }: SyncState, atLeast: number): ReadPod[] {
  const removed: ReadPod[] = [];
  let left = [...activePods];
  if (isIndexed(job)) {
    const byIndex = new Map<number, ReadPod[]>();
    for (const pod of activePods) {
      const index = validIndex(pod, job);
      const group = index === undefined ? undefined : byIndex.get(index);
      if (index === undefined) removed.push(pod);
      else if (group) group.push(pod);
      else byIndex.set(index, [pod]);
    }
    left = [];
    for (const group of [...byIndex.entries()].sort((a, b) => a[0] - b[0]).map((entry) => entry[1])) {
      const ordered = group.length > 1 ? group.sort(compareActivePods) : group;
      removed.push(...ordered.slice(0, -1));
      left.push(ordered.at(-1)!);
    }
  }
  if (removed.length < atLeast) {
    left.sort(compareActivePods);
    removed.push(...left.slice(0, atLeast - removed.length));
  }
  return removed;
}

/** Takes the finalizer off and deletes: these pods are not counted. */
async function deletePods(deps: PodDeps, state: SyncState, pods: readonly ReadPod[]): Promise<unknown> {
  const { key, job } = state;
  const client = deps.client.resource<Pod>('pods');
  deps.expectations.expectDeletions(key, pods.map(objectKey));
  let failure: unknown;
  let deleted = 0;
  await Promise.all(
    pods.map(async (pod) => {
      try {
        await removeTrackingFinalizer(client, pod);
        await deps.podControl.delete(pod.metadata.namespace!, pod.metadata.name!, job);
      } catch (error) {
        deps.expectations.deletionObserved(key, objectKey(pod));
        if (!isNotFound(error)) {
          failure ??= error;
          return;
        }
      }
      deleted++;
      if (isPodReady(pod)) state.ready--;
    }),
  );
  state.active -= deleted;
  state.terminating += deleted;
  return failure;
}

/** Deletes what still runs of a job that is over; the pods stay until they are counted. */
export async function deleteActivePods(
  deps: PodDeps,
  state: SyncState,
): Promise<{ readonly deleted: number; readonly error: unknown }> {
  let failure: unknown;
  let deleted = 0;
  await Promise.all(
    state.activePods.map(async (pod) => {
      try {
        await deps.podControl.delete(pod.metadata.namespace!, pod.metadata.name!, state.job);
      } catch (error) {
        if (!isNotFound(error)) {
          failure ??= error;
          return;
        }
      }
      deleted++;
      if (isPodReady(pod)) state.ready--;
    }),
  );
  state.active -= deleted;
  state.terminating += deleted;
  return { deleted, error: failure };
}

export function byCompletionIndex(a: ReadPod, b: ReadPod): number {
  return (completionIndex(a) ?? -1) - (completionIndex(b) ?? -1);
}
