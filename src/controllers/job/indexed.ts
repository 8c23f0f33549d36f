/** Indexed jobs: whose index a pod has, and how often it failed. Upstream: pkg/controller/job/indexed_job_utils.go. */
import type { Container, Job, PodTemplateSpec } from '../../api/index.ts';
import { isPodTerminating, type ReadPod } from '../common/pods.ts';
import { finishedTime } from './backoff.ts';
import { addIndexes, firstFreeIndexes, hasIndex, type Intervals, mergeIndexes, parseIndexes } from './indexes.ts';
import { isPodFailed, matchPodFailurePolicy, onlyReplacesFailedPods } from './policies.ts';
import { hasTrackingFinalizer } from './tracking-finalizer.ts';

export const completionIndexAnnotation = 'batch.kubernetes.io/job-completion-index';
const failureCountAnnotation = 'batch.kubernetes.io/job-index-failure-count';
const ignoredFailureCountAnnotation = 'batch.kubernetes.io/job-index-ignored-failure-count';
/** Longest `generateName`: five more characters follow. */
const maxGeneratedNameLength = 58;

export function isIndexed(job: Readonly<Job>): boolean {
  return job.spec?.completionMode === 'Indexed';
}

export function hasBackoffPerIndex(job: Readonly<Job>): boolean {
  return job.spec?.backoffLimitPerIndex !== undefined;
}

/** undefined when the pod has none that can be read. */
export function completionIndex(pod: ReadPod): number | undefined {
  const text = pod.metadata.annotations?.[completionIndexAnnotation];
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** An index of this job as it is sized now. */
export function validIndex(pod: ReadPod, job: Readonly<Job>): number | undefined {
  const index = completionIndex(pod);
  return index !== undefined && index < job.spec!.completions! ? index : undefined;
}

export function succeededIndexes(job: Readonly<Job>, pods: readonly ReadPod[]): { before: Intervals; now: Intervals } {
  const before = parseIndexes(job.status?.completedIndexes, job.spec!.completions!);
  const added = new Set<number>();
  for (const pod of pods) {
    const index = validIndex(pod, job);
    if (pod.status?.phase === 'Succeeded' && index !== undefined && hasTrackingFinalizer(pod)) added.add(index);
  }
  return { before, now: addIndexes(before, added) };
}

export function failedIndexes(job: Readonly<Job>, pods: readonly ReadPod[]): Intervals {
  const before = parseIndexes(job.status?.failedIndexes, job.spec!.completions!);
  const added = new Set<number>();
  for (const pod of pods) {
    const index = validIndex(pod, job);
    if (index !== undefined && hasTrackingFinalizer(pod) && isIndexFailed(job, pod)) added.add(index);
  }
  return addIndexes(before, added);
}

function isIndexFailed(job: Readonly<Job>, pod: ReadPod): boolean {
  if (!isPodFailed(pod, job)) return false;
  const { counts, action } = matchPodFailurePolicy(job.spec?.podFailurePolicy, pod);
  if (action === 'FailIndex') return true;
  return counts && failureCount(pod, failureCountAnnotation) >= job.spec!.backoffLimitPerIndex!;
}

function failureCount(pod: ReadPod, annotation: string): number {
  const text = pod.metadata.annotations?.[annotation];
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : 0;
}

/** Failures of the pod's index up to this pod, also those that did not count. */
export function absoluteFailureCount(pod: ReadPod): number {
  return failureCount(pod, failureCountAnnotation) + failureCount(pod, ignoredFailureCountAnnotation);
}

/**
 * By index, the failed pod that is kept (with its finalizer) until the pod that replaces it exists: it carries the count
 * of failures. `pods`: those not yet accounted for.
 */
export function podsWithDelayedDeletion(
  job: Readonly<Job>,
  pods: readonly ReadPod[],
  done: { readonly active: ReadonlySet<number>; readonly succeeded: Intervals; readonly failed: Intervals },
): Map<number, ReadPod> {
  const kept = new Map<number, ReadPod>();
  for (const pod of pods) {
    const index = validIndex(pod, job);
    if (index === undefined || !isPodFailed(pod, job)) continue;
    if (done.active.has(index) || hasIndex(done.succeeded, index) || hasIndex(done.failed, index)) continue;
    const last = kept.get(index);
    const newer =
      !last || (absoluteFailureCount(last) <= absoluteFailureCount(pod) && finishedTime(pod) >= finishedTime(last));
    if (newer) kept.set(index, pod);
  }
  return kept;
}

export function indexesOf(pods: Iterable<ReadPod>): Set<number> {
  const indexes = new Set<number>();
  for (const pod of pods) {
    const index = completionIndex(pod);
    if (index !== undefined) indexes.add(index);
  }
  return indexes;
}

/** The smallest `count` indexes that need a pod. */
export function firstPendingIndexes(
  job: Readonly<Job>,
  count: number,
  state: {
    readonly pods: readonly ReadPod[];
    readonly activePods: readonly ReadPod[];
    readonly succeeded: Intervals;
    readonly failed: Intervals | undefined;
  },
): number[] {
  if (count <= 0) return [];
  let taken = addIndexes(state.succeeded, indexesOf(state.activePods));
  if (onlyReplacesFailedPods(job)) taken = addIndexes(taken, indexesOf(state.pods.filter(isPodTerminating)));
  if (state.failed) taken = mergeIndexes(taken, state.failed);
  return firstFreeIndexes(taken, count, job.spec!.completions!);
}

/** Every container learns its index as `JOB_COMPLETION_INDEX`, unless it has a variable of that name. */
export function withIndexVariables(template: Readonly<PodTemplateSpec>): PodTemplateSpec {
  const variable = {
    name: 'JOB_COMPLETION_INDEX',
    valueFrom: { fieldRef: { fieldPath: `metadata.labels['${completionIndexAnnotation}']` } },
  };
  const add = (container: Container): Container =>
    container.env?.some(({ name }) => name === variable.name)
      ? container
      : { ...container, env: [...(container.env ?? []), variable] };
  const { containers, initContainers } = template.spec!;
  return {
    ...template,
    spec: {
      ...template.spec!,
      containers: containers.map(add),
      ...(initContainers ? { initContainers: initContainers.map(add) } : {}),
    },
  };
}

/** The template of one index. `replaced`: the failed pod before it, with a limit per index. */
export function templateOfIndex(
  job: Readonly<Job>,
  template: Readonly<PodTemplateSpec>,
  index: number,
  replaced: ReadPod | undefined,
): PodTemplateSpec {
  const annotations: Record<string, string> = {
    ...template.metadata?.annotations,
    [completionIndexAnnotation]: String(index),
  };
  if (hasBackoffPerIndex(job)) {
    let failures = replaced ? failureCount(replaced, failureCountAnnotation) : 0;
    let ignored = replaced ? failureCount(replaced, ignoredFailureCountAnnotation) : 0;
    if (replaced) {
      if (matchPodFailurePolicy(job.spec?.podFailurePolicy, replaced).counts) failures++;
      else ignored++;
    }
    annotations[failureCountAnnotation] = String(failures);
    if (ignored > 0) annotations[ignoredFailureCountAnnotation] = String(ignored);
  }
  const labels = { ...template.metadata?.labels, [completionIndexAnnotation]: String(index) };
  return {
    ...template,
    metadata: { ...template.metadata, labels, annotations },
    spec: { ...template.spec!, hostname: `${job.metadata.name}-${index}` },
  };
}

export function generateNameOfIndex(jobName: string, index: number): string {
  const suffix = `-${index}-`;
  return jobName.slice(0, Math.max(0, maxGeneratedNameLength - suffix.length)) + suffix;
}
