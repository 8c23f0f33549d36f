/** Runs pods to completion. Upstream: pkg/controller/job/job_controller.go (1.36). */

import type { Job, Pod } from '../../api/index.ts';
import {
  controllerOf,
  deepCopy,
  deepEqual,
  isNotFound,
  type OwnerReference,
  objectKey,
  splitObjectKey,
} from '../../apimachinery/index.ts';
import { parseTime, rfc3339 } from '../../base/index.ts';
import {
  causeOf,
  ItemExponentialFailureRateLimiter,
  type RequestCause,
  type SharedInformer,
  Workqueue,
} from '../../client/index.ts';
import { ConsistencyStore } from '../common/consistency.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
} from '../common/controller.ts';
import { claim } from '../common/controller-ref.ts';
import { ControllerExpectations } from '../common/expectations.ts';
import { isJobFinished, jobCondition, type ReadJob } from '../common/jobs.ts';
import { PodControl } from '../common/pod-control.ts';
import { addControllerIndex, orphanKey, podControllerIndex, type ReadPod } from '../common/pods.ts';
import { selectorOf } from '../common/selectors.ts';
import { BackoffStore } from './backoff.ts';
import { ensureCondition, newJobCondition } from './conditions.ts';
import {
  failedIndexes,
  hasBackoffPerIndex,
  indexesOf,
  isIndexed,
  podsWithDelayedDeletion,
  succeededIndexes,
} from './indexed.ts';
import { countIndexes } from './indexes.ts';
import { deleteActivePods, managePods, type PodDeps } from './pods.ts';
import { isPodFailed, matchPodFailurePolicy, matchSuccessPolicy } from './policies.ts';
import { newSyncState, type SyncState, unaccountedPods } from './sync-state.ts';
import { type TrackingDeps, trackStatus } from './tracking.ts';
import {
  FinalizerExpectations,
  hasTrackingFinalizer,
  removeTrackingFinalizer,
  trackingFinalizer,
} from './tracking-finalizer.ts';

/** Changes of a job's pods within this time make one sync. */
const batchPeriodMs = 1000;
const firstRetryMs = 1000;
const maxRetryMs = 60_000;
const concurrentSyncs = 5;
const ownName = 'kubernetes.io/job-controller';

const names = { name: 'job-controller', serviceAccount: 'job-controller', component: 'job-controller' } as const;

export class JobController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #context: ControllerContext;
  readonly #base: ControllerBase;
  readonly #queue: Workqueue;
  /** `namespace/name` of pods that may have a finalizer that nobody takes off. */
  readonly #orphanQueue: Workqueue;
  readonly #jobs: SharedInformer<Job>;
  readonly #pods: SharedInformer<Pod>;
  readonly #expectations: ControllerExpectations;
  readonly #finalizers = new FinalizerExpectations();
  readonly #backoffs = new BackoffStore();
  readonly #consistency = new ConsistencyStore();
  /** Uids of jobs written as finished and not yet seen so. */
  readonly #finished = new Set<string>();
  readonly #podDeps: PodDeps;
  readonly #trackingDeps: TrackingDeps;

  constructor(context: ControllerContext) {
    const { clock, informers } = context;
    this.#context = context;
    this.#base = controllerBase(context, names);
    const { client, recorder } = this.#base;
    const rateLimiter = () => new ItemExponentialFailureRateLimiter(firstRetryMs, maxRetryMs);
    this.#queue = new Workqueue(context, { name: 'job', rateLimiter: rateLimiter() });
    this.#orphanQueue = new Workqueue(context, { name: 'job_orphan_pod', rateLimiter: rateLimiter() });
    this.#expectations = new ControllerExpectations(clock);
    this.#podDeps = {
      client,
      clock,
      podControl: new PodControl(client, recorder),
      expectations: this.#expectations,
      requeue: (key, ms) => this.#queue.addAfter(key, Math.max(ms, batchPeriodMs), { timer: 'pod-failure-backoff' }),
    };
    this.#trackingDeps = {
      client,
      clock,
      finalizers: this.#finalizers,
      backoffs: this.#backoffs,
      updateStatus: async (job) => {
        const updated = await client.resource<Job>('jobs.batch').updateStatus(job);
        this.#consistency.wroteAt(objectKey(updated), this.#jobs, updated);
        return deepCopy(updated) as Job;
      },
    };
    this.#jobs = informers.informer<Job>('jobs.batch');
    this.#pods = informers.informer<Pod>('pods');
    addControllerIndex(this.#pods);
    this.#jobs.addHandler({
      onAdd: (job) => this.#queue.add(objectKey(job), causeOf(this.#jobs.resource, job)),
      onUpdate: (old, job) => this.#jobUpdated(old, job),
      onDelete: (job) => {
        this.#queue.add(objectKey(job), causeOf(this.#jobs.resource, job));
        this.#finished.delete(job.metadata.uid!);
        this.#backoffs.forget(objectKey(job));
        this.#releasePods(job);
      },
    });
    this.#pods.addHandler({
      onAdd: (pod) => this.#podAdded(pod),
      onUpdate: (old, pod) => this.#podUpdated(old, pod),
      onDelete: (pod) => this.#podDeleted(pod, true),
    });
  }

  run(signal: AbortSignal): Promise<void> {
    const { log, broadcaster } = this.#base;
    const queues = [
      { queue: this.#queue, workers: concurrentSyncs, reconcile: (key: string) => this.#sync(key) },
      { queue: this.#orphanQueue, workers: concurrentSyncs, reconcile: (key: string) => this.#syncOrphan(key) },
    ];
    return runController({ log, broadcaster, informers: [this.#jobs, this.#pods], queues }, signal);
  }

  #jobUpdated(old: ReadJob, job: ReadJob): void {
    const key = objectKey(job);
    const cause = old === job ? { timer: 'resync' } : causeOf(this.#jobs.resource, job);
    if (isJobFinished(job)) {
      this.#finished.delete(job.metadata.uid!);
      this.#backoffs.forget(key);
      this.#releasePods(job);
      return;
    }
    if (old.metadata.generation === job.metadata.generation) this.#batch(job, cause);
    else this.#queue.add(key, cause);
    const { activeDeadlineSeconds: deadline } = job.spec!;
    const startTime = job.status?.startTime;
    if (startTime === undefined || deadline === undefined || old.spec?.activeDeadlineSeconds === deadline) return;
    const passed = this.#context.clock.now() - parseTime(startTime);
    this.#queue.addAfter(key, deadline * 1000 - passed, { timer: 'active-deadline' });
  }

  #batch(job: ReadJob, cause: RequestCause): void {
    this.#queue.addAfter(objectKey(job), batchPeriodMs, cause);
  }

  #podAdded(pod: ReadPod): void {
    if (pod.metadata.deletionTimestamp !== undefined) {
      this.#podDeleted(pod, false);
      return;
    }
    const cause = causeOf(this.#pods.resource, pod);
    const controller = controllerOf(pod);
    if (controller) {
      const job = this.#resolve(pod, controller);
      if (!job) return;
      this.#expectations.creationObserved(objectKey(job));
      this.#batch(job, cause);
      return;
    }
    this.#orphan(pod, cause);
    this.#batchMatching(pod, cause);
  }

  #podUpdated(old: ReadPod, pod: ReadPod): void {
    if (old === pod) return;
    if (pod.metadata.deletionTimestamp !== undefined) {
      this.#podDeleted(pod, false);
      return;
    }
    const cause = causeOf(this.#pods.resource, pod);
    const removed = !hasTrackingFinalizer(pod);
    const wake = (job: ReadJob) => {
      if (removed) this.#finalizers.removalObserved(objectKey(job), pod.metadata.uid!);
      this.#batch(job, cause);
    };
    const controller = controllerOf(pod);
    const oldController = controllerOf(old);
    const controllerChanged = controller?.uid !== oldController?.uid;
    if (controllerChanged && oldController) {
      const job = this.#resolve(old, oldController);
      if (job) wake(job);
    }
    if (controller) {
      const job = this.#resolve(pod, controller);
      if (job) wake(job);
      return;
    }
    this.#orphan(pod, cause);
    if (controllerChanged || !deepEqual(old.metadata.labels, pod.metadata.labels)) this.#batchMatching(pod, cause);
  }

  /** `final`: gone, not only going. */
  #podDeleted(pod: ReadPod, final: boolean): void {
    const cause = causeOf(this.#pods.resource, pod);
    const controller = controllerOf(pod);
    const job = controller && this.#resolve(pod, controller);
    if (!job || isJobFinished(job)) {
      // Of somebody else's pods this controller knows nothing.
      if (!controller || controller.kind === 'Job') this.#orphan(pod, cause);
      return;
    }
    const key = objectKey(job);
    this.#expectations.deletionObserved(key, objectKey(pod));
    if (final || !hasTrackingFinalizer(pod)) this.#finalizers.removalObserved(key, pod.metadata.uid!);
    this.#batch(job, cause);
  }

  #resolve(pod: ReadPod, { kind, name, uid }: OwnerReference): ReadJob | undefined {
    if (kind !== 'Job') return undefined;
    const job = this.#jobs.lister.get(pod.metadata.namespace!, name);
    return job?.metadata.uid === uid ? job : undefined;
  }

  #batchMatching(pod: ReadPod, cause: RequestCause): void {
    if (!pod.metadata.labels) return;
    for (const job of this.#jobs.lister.list(pod.metadata.namespace)) {
      if (selectorOf(job).matches(pod.metadata.labels)) this.#batch(job, cause);
    }
  }

  #orphan(pod: ReadPod, cause: RequestCause): void {
    if (hasTrackingFinalizer(pod)) this.#orphanQueue.add(objectKey(pod), cause);
  }

  /** The job is over or gone: nobody counts its pods any more. */
  #releasePods(job: ReadJob): void {
    const cause = causeOf(this.#jobs.resource, job);
    for (const pod of this.#pods.lister.byIndex(podControllerIndex, job.metadata.uid!)) this.#orphan(pod, cause);
  }

  async #syncOrphan(key: string): Promise<void> {
    const { namespace, name } = splitObjectKey(key);
    const pod = this.#pods.lister.get(namespace, name);
    if (!pod) return;
    const controller = controllerOf(pod);
    if (controller) {
      if (controller.kind !== 'Job' || controller.apiVersion !== 'batch/v1') return;
      const job = this.#resolve(pod, controller);
      if (job && (isManagedElsewhere(job) || !isJobFinished(job))) return;
    }
    try {
      await removeTrackingFinalizer(this.#base.client.resource<Pod>('pods'), pod);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #podsOf(job: ReadJob): Promise<ReadPod[]> {
    const { namespace, name, uid } = job.metadata;
    const candidates = [
      ...this.#pods.lister.byIndex(podControllerIndex, uid!),
      ...this.#pods.lister.byIndex(podControllerIndex, orphanKey(namespace!)),
    ];
    const pods = await claim<Pod>(candidates, {
      owner: job,
      selector: selectorOf(job),
      client: this.#base.client.resource<Pod>('pods').namespace(namespace),
      freshOwner: () => this.#base.client.resource<Job>('jobs.batch').namespace(namespace).get(name!),
      finalizers: [trackingFinalizer],
    });
    // What was adopted just now has the finalizer, though the cache does not show it.
    return pods.map((pod) =>
      controllerOf(pod) || hasTrackingFinalizer(pod)
        ? pod
        : {
            ...pod,
            metadata: { ...pod.metadata, finalizers: [...(pod.metadata.finalizers ?? []), trackingFinalizer] },
          },
    );
  }

  async #sync(key: string): Promise<void> {
    this.#consistency.ensureReady(key);
    const { namespace, name } = splitObjectKey(key);
    const cached = this.#jobs.lister.get(namespace, name);
    if (!cached) {
      this.#expectations.forget(key);
      this.#finalizers.forget(key);
      this.#backoffs.forget(key);
      this.#consistency.forget(key);
      return;
    }
    if (isManagedElsewhere(cached)) return;
    if (isJobFinished(cached)) {
      this.#backoffs.forget(key);
      return;
    }
    if (this.#finished.has(cached.metadata.uid!)) return;
    if (!['NonIndexed', 'Indexed'].includes(cached.spec?.completionMode ?? 'NonIndexed')) {
      const message = 'Skipped Job sync because completion mode is unknown';
      this.#base.recorder.event(cached, 'Warning', 'UnknownCompletionMode', message);
      return;
    }
    const satisfied = this.#expectations.satisfied(key);
    const pods = await this.#podsOf(cached);
    const job = deepCopy(cached) as Job;
    const state = newSyncState(key, job, pods, this.#finalizers.expected(key), this.#backoffs);
    if (job.status!.startTime === undefined && !job.spec!.suspend) job.status!.startTime = this.#timestamp();
    this.#decide(state);
    const { changed, error } = state.finished
      ? await this.#end(state, satisfied)
      : await this.#manage(state, satisfied);

    const { status = {} } = job;
    const statusChanged =
      changed ||
      state.active !== (status.active ?? 0) ||
      state.ready !== status.ready ||
      state.terminating !== status.terminating;
    const next = { ...status, active: state.active, ready: state.ready, terminating: state.terminating };
    const { active: _, ...inactive } = next;
    job.status = state.active > 0 ? next : inactive;
    const ended = await trackStatus(this.#trackingDeps, state, statusChanged);
    if (ended) this.#recordFinished(state.job, ended.type, ended.reason!, ended.message!);
    if (error !== undefined) throw error;
  }

  #timestamp(): string {
    return rfc3339(this.#context.clock.now());
  }

  /** Whether the job is over, before anything is done. */
  #decide(state: SyncState): void {
    const { job, pods } = state;
    const spec = job.spec!;
    const failure = (reason: string, message: string) =>
      newJobCondition('FailureTarget', reason, message, this.#timestamp());
    const target = jobCondition(job, 'FailureTarget');
    const criteriaMet = jobCondition(job, 'SuccessCriteriaMet');
    if (criteriaMet?.status === 'True') state.finished = criteriaMet;
    else if (target?.status === 'True') {
      state.finished = newJobCondition('Failed', target.reason!, target.message!, this.#timestamp());
    } else {
      const message = failJobMessage(job, pods);
      if (message !== undefined) state.finished = failure('PodFailurePolicy', message);
    }
    if (!state.finished) {
      if (state.failed > spec.backoffLimit! || pastBackoffLimitOnFailure(job, pods)) {
        state.finished = failure('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
      } else if (spec.activeDeadlineSeconds !== undefined && !spec.suspend) {
        const passed = this.#context.clock.now() - parseTime(job.status!.startTime!);
        const left = spec.activeDeadlineSeconds * 1000 - passed;
        if (left <= 0) {
          state.finished = failure('DeadlineExceeded', 'Job was active longer than specified deadline');
        } else this.#queue.addAfter(state.key, left, { timer: 'active-deadline' });
      }
    }
    if (isIndexed(job)) this.#decideIndexed(state, failure);
  }

  #decideIndexed(state: SyncState, failure: (reason: string, message: string) => SyncState['finished']): void {
    const { job, pods } = state;
    const { completions, maxFailedIndexes, successPolicy } = job.spec!;
    const { before, now } = succeededIndexes(job, pods);
    state.previouslySucceededIndexes = before;
    state.succeededIndexes = now;
    state.succeeded = countIndexes(now);
    if (hasBackoffPerIndex(job)) {
      const failed = failedIndexes(job, pods);
      state.failedIndexes = failed;
      const count = countIndexes(failed);
      if (!state.finished) {
        if (maxFailedIndexes !== undefined && count > maxFailedIndexes) {
          const message = 'Job has exceeded the specified maximal number of failed indexes';
          state.finished = failure('MaxFailedIndexesExceeded', message);
        } else if (count > 0 && count + state.succeeded >= completions!) {
          state.finished = failure('FailedIndexes', 'Job has failed indexes');
        }
      }
      state.delayedPerIndex = podsWithDelayedDeletion(job, unaccountedPods(job, pods, state.removedFinalizers), {
        active: indexesOf(state.activePods),
        succeeded: now,
        failed,
      });
    }
    if (state.finished) return;
    const message = matchSuccessPolicy(successPolicy, completions!, now);
    if (message === undefined) return;
    state.finished = newJobCondition('SuccessCriteriaMet', 'SuccessPolicy', message, this.#timestamp());
  }

  /** The job is over: what still runs is deleted, and only then does the status say so. */
  async #end(state: SyncState, satisfied: boolean): Promise<{ changed: boolean; error: unknown }> {
    const { deleted, error } = await deleteActivePods(this.#podDeps, state);
    if (deleted !== state.activePods.length || !satisfied) state.finished = undefined;
    return { changed: false, error };
  }

  async #manage(state: SyncState, satisfied: boolean): Promise<{ changed: boolean; error: unknown }> {
    const { job } = state;
    const managed = satisfied && job.metadata.deletionTimestamp === undefined;
    const error = managed ? await managePods(this.#podDeps, state) : undefined;
    const { completions, suspend } = job.spec!;
    const enough = completions === undefined ? state.succeeded > 0 : state.succeeded >= completions;
    if (enough && state.active === 0) {
      const message = 'Reached expected number of succeeded pods';
      state.finished = newJobCondition('SuccessCriteriaMet', 'CompletionsReached', message, this.#timestamp());
      return { changed: false, error };
    }
    if (!managed) return { changed: false, error };
    const now = this.#timestamp();
    if (suspend) {
      const changed = ensureCondition(job, newJobCondition('Suspended', 'JobSuspended', 'Job suspended', now));
      if (changed) {
        this.#base.recorder.event(job, 'Normal', 'Suspended', 'Job suspended');
        const { startTime: _, ...status } = job.status!;
        job.status = status;
      }
      return { changed, error };
    }
    const changed = ensureCondition(job, newJobCondition('Suspended', 'JobResumed', 'Job resumed', now, 'False'));
    if (changed) {
      this.#base.recorder.event(job, 'Normal', 'Resumed', 'Job resumed');
      job.status = { ...job.status, startTime: now };
    }
    return { changed, error };
  }

  #recordFinished(job: ReadJob, type: string, reason: string, message: string): void {
    const { recorder } = this.#base;
    this.#finished.add(job.metadata.uid!);
    const { completions } = job.spec!;
    if (type !== 'Complete') {
      recorder.event(job, 'Warning', reason, message);
      return;
    }
    if (completions !== undefined && (job.status?.succeeded ?? 0) > completions) {
      const tooMany = 'Too many succeeded pods running after completion count reached';
      recorder.event(job, 'Warning', 'TooManySucceededPods', tooMany);
    }
    recorder.event(job, 'Normal', 'Completed', 'Job completed');
  }
}

/** Another controller looks after the job. */
function isManagedElsewhere(job: ReadJob): boolean {
  const manager = job.spec?.managedBy;
  return manager !== undefined && manager !== ownName;
}

function failJobMessage(job: ReadJob, pods: readonly ReadPod[]): string | undefined {
  const policy = job.spec?.podFailurePolicy;
  if (!policy) return undefined;
  for (const pod of pods) {
    if (!isPodFailed(pod, job)) continue;
    const { failJobMessage } = matchPodFailurePolicy(policy, pod);
    if (failJobMessage !== undefined) return failJobMessage;
  }
  return undefined;
}

/** With restartPolicy OnFailure the restarts of all containers are the failures. */
function pastBackoffLimitOnFailure(job: ReadJob, pods: readonly ReadPod[]): boolean {
  if (job.spec?.template.spec?.restartPolicy !== 'OnFailure') return false;
  let restarts = 0;
  for (const { status } of pods) {
    if (status?.phase !== 'Running' && status?.phase !== 'Pending') continue;
    for (const { restartCount } of status.initContainerStatuses ?? []) restarts += restartCount;
    for (const { restartCount } of status.containerStatuses ?? []) restarts += restartCount;
  }
  const limit = job.spec.backoffLimit ?? 6;
  return limit === 0 ? restarts > 0 : restarts >= limit;
}
