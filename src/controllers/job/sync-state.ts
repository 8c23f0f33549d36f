/** What one sync of a job knows and decides. Upstream: syncJobCtx. */
import type { Job, JobCondition, JobStatus } from '../../api/index.ts';
import { isPodActive, isPodReady, isPodTerminating, type ReadPod } from '../common/pods.ts';
import type { BackoffRecord, BackoffStore } from './backoff.ts';
import { isIndexed, validIndex } from './indexed.ts';
import { type Intervals, noIndexes } from './indexes.ts';
import { isPodFailed, matchPodFailurePolicy } from './policies.ts';
import { hasTrackingFinalizer } from './tracking-finalizer.ts';

export interface SyncState {
  readonly key: string;
  /** A private copy. */
  job: Job;
  readonly pods: readonly ReadPod[];
  readonly activePods: readonly ReadPod[];
  /** Uids of pods whose finalizer is off though the cache does not show it. */
  readonly removedFinalizers: ReadonlySet<string>;
  readonly uncounted: { readonly succeeded: ReadonlySet<string>; readonly failed: ReadonlySet<string> };
  readonly backoff: BackoffRecord;
  succeeded: number;
  readonly failed: number;
  active: number;
  ready: number;
  terminating: number;
  previouslySucceededIndexes: Intervals;
  succeededIndexes: Intervals;
  /** undefined without a limit per index. */
  failedIndexes: Intervals | undefined;
  delayedPerIndex: ReadonlyMap<number, ReadPod>;
  /** The condition that ends the job, or announces its end. */
  finished: JobCondition | undefined;
}

export function newSyncState(
  key: string,
  job: Job,
  pods: readonly ReadPod[],
  removedFinalizers: ReadonlySet<string>,
  backoffs: BackoffStore,
): SyncState {
  const status: JobStatus = { uncountedTerminatedPods: {}, ...job.status };
  job.status = status;
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  const uncounted = { succeeded: new Set(succeeded), failed: new Set(failed) };
  const activePods = pods.filter(isPodActive);
  const fresh = unaccountedPods(job, pods, removedFinalizers);
  const newSucceeded = fresh.filter(
    (pod) => !uncounted.succeeded.has(pod.metadata.uid!) && pod.status?.phase === 'Succeeded',
  );
  const newFailed = fresh.filter((pod) => !uncounted.failed.has(pod.metadata.uid!) && isPodFailed(pod, job));
  const policy = job.spec?.podFailurePolicy;
  const countedFailures = newFailed.filter((pod) => matchPodFailurePolicy(policy, pod).counts).length;
  return {
    key,
    job,
    pods,
    activePods,
    removedFinalizers,
    uncounted,
    backoff: backoffs.next(key, newSucceeded, newFailed),
    succeeded: (status.succeeded ?? 0) + newSucceeded.length + uncounted.succeeded.size,
    failed: (status.failed ?? 0) + countedFailures + uncounted.failed.size,
    active: activePods.length,
    ready: activePods.filter(isPodReady).length,
    terminating: pods.filter(isPodTerminating).length,
    previouslySucceededIndexes: noIndexes,
    succeededIndexes: noIndexes,
    failedIndexes: undefined,
    delayedPerIndex: new Map(),
    finished: undefined,
  };
}

/** Pods the status does not hold yet: with the finalizer, and of an index of the job. */
export function unaccountedPods(
  job: Readonly<Job>,
  pods: readonly ReadPod[],
  removedFinalizers: ReadonlySet<string>,
): ReadPod[] {
  const indexed = isIndexed(job);
  return pods.filter(
    (pod) =>
      hasTrackingFinalizer(pod) &&
      !removedFinalizers.has(pod.metadata.uid!) &&
      (!indexed || validIndex(pod, job) !== undefined),
  );
}
