/**
 * Counting finished pods without losing or doubling one, though status and finalizers cannot be written at once:
 * 1. the uids of finished pods go into `status.uncountedTerminatedPods` (or their indexes into `completedIndexes`);
 * 2. their finalizers come off; 3. the uids leave the status and the counters grow.
 * Upstream: trackJobStatusAndRemoveFinalizers, flushUncountedAndRemoveFinalizers, enactJobFinished.
 */
import type { Job, JobCondition, JobStatus, Pod } from '../../api/index.ts';
import { isNotFound } from '../../apimachinery/index.ts';
import { type Clock, rfc3339 } from '../../base/index.ts';
import type { KubeClient } from '../../client/index.ts';
import { jobCondition } from '../common/jobs.ts';
import type { ReadPod } from '../common/pods.ts';
import type { BackoffStore } from './backoff.ts';
import { addCondition, ensureCondition, newJobCondition } from './conditions.ts';
import { completionIndex, hasBackoffPerIndex, isIndexed, validIndex } from './indexed.ts';
import { addIndexes, countIndexes, formatIndexes, hasIndex } from './indexes.ts';
import { byCompletionIndex } from './pods.ts';
import { isPodFailed, matchPodFailurePolicy } from './policies.ts';
import type { SyncState } from './sync-state.ts';
import { type FinalizerExpectations, hasTrackingFinalizer, removeTrackingFinalizer } from './tracking-finalizer.ts';

/** Most uids the status holds. */
const maxUncounted = 500;

export interface TrackingDeps {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly finalizers: FinalizerExpectations;
  readonly backoffs: BackoffStore;
  updateStatus(job: Job): Promise<Job>;
}

/** Writes the status, as often as it takes. Returns the condition the job ended with, if it did. @throws StatusError */
export async function trackStatus(
  deps: TrackingDeps,
  state: SyncState,
  statusChanged: boolean,
): Promise<JobCondition | undefined> {
  let flush = statusChanged;
  const { pods, removedFinalizers } = state;
  const withFinalizer = new Set<string>();
  for (const pod of pods) {
    const uid = pod.metadata.uid!;
    if (hasTrackingFinalizer(pod) && !removedFinalizers.has(uid)) withFinalizer.add(uid);
  }
  if (countWithoutFinalizer(state.job, withFinalizer)) flush = true;

  const collected = collectFinished(state, withFinalizer);
  if (collected.changed) flush = true;
  if (isIndexed(state.job) && writeIndexes(state, collected.newSucceededIndexes)) flush = true;

  const timestamp = rfc3339(deps.clock.now());
  let terminal = state.finished;
  if (terminal?.type === 'FailureTarget') {
    addCondition(state.job, terminal);
    flush = true;
    terminal = newJobCondition('Failed', terminal.reason!, terminal.message!, timestamp);
  } else if (terminal?.type === 'SuccessCriteriaMet') {
    if (jobCondition(state.job, 'SuccessCriteriaMet')?.status !== 'True') {
      addCondition(state.job, terminal);
      flush = true;
    }
    terminal = newJobCondition('Complete', terminal.reason!, terminal.message!, timestamp);
  }

  if (flush) {
    state.job = await deps.updateStatus(state.job);
    deps.backoffs.store(state.key, state.backoff);
    flush = false;
  }
  const removeError = await removeFinalizers(deps, state.key, collected.removable, withFinalizer);
  if (countWithoutFinalizer(state.job, withFinalizer)) flush = true;
  if (removeError !== undefined) {
    if (flush) await deps.updateStatus(state.job);
    throw removeError;
  }
  const ended = terminal && !collected.full && enactFinished(state, terminal, timestamp) ? terminal : undefined;
  if (ended || flush) state.job = await deps.updateStatus(state.job);
  return ended;
}

/** Uids whose finalizer is gone leave the status and are counted. */
function countWithoutFinalizer(job: Job, withFinalizer: ReadonlySet<string>): boolean {
  const status = job.status!;
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  const keptSucceeded = succeeded.filter((uid) => withFinalizer.has(uid));
  const keptFailed = failed.filter((uid) => withFinalizer.has(uid));
  const countedSucceeded = succeeded.length - keptSucceeded.length;
  const countedFailed = failed.length - keptFailed.length;
  if (countedSucceeded === 0 && countedFailed === 0) return false;
  const next: JobStatus = { ...status, uncountedTerminatedPods: uncounted(keptSucceeded, keptFailed) };
  if (countedSucceeded > 0) next.succeeded = (status.succeeded ?? 0) + countedSucceeded;
  if (countedFailed > 0) next.failed = (status.failed ?? 0) + countedFailed;
  job.status = next;
  return true;
}

function uncounted(succeeded: string[], failed: string[]): NonNullable<JobStatus['uncountedTerminatedPods']> {
  return { ...(succeeded.length > 0 ? { succeeded } : {}), ...(failed.length > 0 ? { failed } : {}) };
}

interface Collected {
  readonly changed: boolean;
  readonly newSucceededIndexes: readonly number[];
  /** Pods whose finalizer can come off. */
  readonly removable: readonly ReadPod[];
  /** The status holds no more: the rest comes with the next sync. */
  readonly full: boolean;
}

function collectFinished(state: SyncState, withFinalizer: ReadonlySet<string>): Collected {
  const { job, finished } = state;
  const indexed = isIndexed(job);
  const pods = indexed ? [...state.pods].sort(byCompletionIndex) : state.pods;
  const succeeded = [...(job.status!.uncountedTerminatedPods?.succeeded ?? [])];
  const failed = [...(job.status!.uncountedTerminatedPods?.failed ?? [])];
  const newSucceededIndexes: number[] = [];
  const removable: ReadPod[] = [];
  let changed = false;
  let full = false;
  for (const pod of pods) {
    const uid = pod.metadata.uid!;
    if (!withFinalizer.has(uid)) continue;
    const podFailed = isPodFailed(pod, job);
    if (!canRemoveFinalizer(state, pod, podFailed)) continue;
    removable.push(pod);
    const index = indexed ? validIndex(pod, job) : undefined;
    if (pod.status?.phase === 'Succeeded' && !state.uncounted.failed.has(uid)) {
      if (indexed) {
        if (index !== undefined && !hasIndex(state.previouslySucceededIndexes, index)) {
          newSucceededIndexes.push(index);
          changed = true;
        }
      } else if (!state.uncounted.succeeded.has(uid)) {
        succeeded.push(uid);
        changed = true;
      }
    } else if (podFailed || (finished && finished.type !== 'SuccessCriteriaMet')) {
      const belongs = !indexed || index !== undefined;
      if (
        belongs &&
        !state.uncounted.failed.has(uid) &&
        matchPodFailurePolicy(job.spec?.podFailurePolicy, pod).counts
      ) {
        failed.push(uid);
        changed = true;
      }
    }
    if (newSucceededIndexes.length + succeeded.length + failed.length >= maxUncounted) {
      full = true;
      break;
    }
  }
  if (changed) job.status = { ...job.status, uncountedTerminatedPods: uncounted(succeeded, failed) };
  return { changed, newSucceededIndexes, removable, full };
}

function canRemoveFinalizer(state: SyncState, pod: ReadPod, podFailed: boolean): boolean {
  const { job, finished } = state;
  if (job.metadata.deletionTimestamp !== undefined || finished || pod.status?.phase === 'Succeeded') return true;
  if (!podFailed) return false;
  if (!hasBackoffPerIndex(job)) return true;
  // The pod that carries the index's count of failures stays until its replacement has it.
  const index = completionIndex(pod);
  return index === undefined || state.delayedPerIndex.get(index)?.metadata.uid !== pod.metadata.uid;
}

function writeIndexes(state: SyncState, newSucceeded: readonly number[]): boolean {
  const status = state.job.status!;
  state.succeededIndexes = addIndexes(state.succeededIndexes, newSucceeded);
  const completedIndexes = formatIndexes(state.succeededIndexes);
  const failedIndexes = state.failedIndexes && formatIndexes(state.failedIndexes);
  const changed = completedIndexes !== (status.completedIndexes ?? '') || failedIndexes !== status.failedIndexes;
  const succeeded = countIndexes(state.succeededIndexes);
  const next: JobStatus = { ...status, completedIndexes, failedIndexes, succeeded };
  if (completedIndexes === '') delete next.completedIndexes;
  if (failedIndexes === undefined) delete next.failedIndexes;
  if (succeeded === 0) delete next.succeeded;
  state.job.status = next;
  return changed;
}

/** Returns the first failure; the uids of those that are off leave `withFinalizer`. */
async function removeFinalizers(
  { client, finalizers }: TrackingDeps,
  key: string,
  pods: readonly ReadPod[],
  withFinalizer: Set<string>,
): Promise<unknown> {
  if (pods.length === 0) return undefined;
  finalizers.expectRemoved(
    key,
    pods.map((pod) => pod.metadata.uid!),
  );
  const podClient = client.resource<Pod>('pods');
  let failure: unknown;
  await Promise.all(
    pods.map(async (pod) => {
      const uid = pod.metadata.uid!;
      try {
        await removeTrackingFinalizer(podClient, pod);
      } catch (error) {
        finalizers.removalObserved(key, uid);
        if (!isNotFound(error)) {
          failure ??= error;
          return;
        }
      }
      withFinalizer.delete(uid);
    }),
  );
  return failure;
}

/** The job is over when every pod is counted and none is still ending. */
function enactFinished(state: SyncState, condition: JobCondition, timestamp: string): boolean {
  const status = state.job.status!;
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  if (succeeded.length + failed.length > 0 || state.terminating > 0) return false;
  ensureCondition(state.job, condition);
  if (condition.type === 'Complete') state.job.status = { ...state.job.status, completionTime: timestamp };
  return true;
}
