/** Creates jobs on a schedule. Upstream: pkg/controller/cronjob/cronjob_controllerv2.go (1.36). */

import {
  type CronJob,
  formatInZone,
  formatRfc1123,
  type Job,
  loadTimeZone,
  parseSchedule,
  type Schedule,
  type TimeZone,
} from '../../api/index.ts';
import {
  controllerOf,
  deepCopy,
  hasNamespaceTerminatingCause,
  isAlreadyExists,
  isControlledBy,
  isNotFound,
  newControllerRef,
  objectKey,
  splitObjectKey,
} from '../../apimachinery/index.ts';
import { parseTime, rfc3339 } from '../../base/index.ts';
import {
  causeOf,
  type EventType,
  type RequestCause,
  referenceTo,
  type SharedInformer,
  Workqueue,
} from '../../client/index.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
  updateCause,
} from '../common/controller.ts';
import { finishedCondition, isJobFinished, type ReadJob } from '../common/jobs.ts';
import { addControllerIndex, podControllerIndex } from '../common/pods.ts';
import { dueTime, nextCheckMs } from './missed.ts';

const concurrentSyncs = 5;
const scheduledAnnotation = 'batch.kubernetes.io/cronjob-scheduled-timestamp';

const names = {
  name: 'cronjob-controller',
  serviceAccount: 'cronjob-controller',
  component: 'cronjob-controller',
} as const;

export class CronJobController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #context: ControllerContext;
  readonly #base: ControllerBase;
  readonly #queue: Workqueue;
  readonly #cronJobs: SharedInformer<CronJob>;
  readonly #jobs: SharedInformer<Job>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#base = controllerBase(context, names);
    this.#queue = new Workqueue(context, { name: 'cronjob' });
    this.#cronJobs = context.informers.informer<CronJob>('cronjobs.batch');
    this.#jobs = context.informers.informer<Job>('jobs.batch');
    addControllerIndex(this.#jobs);
    const { resource } = this.#cronJobs;
    this.#cronJobs.addHandler({
      onAdd: (cronJob) => this.#queue.add(objectKey(cronJob), causeOf(resource, cronJob)),
      onUpdate: (old, cronJob) => this.#cronJobUpdated(old, cronJob),
      onDelete: (cronJob) => this.#queue.add(objectKey(cronJob), causeOf(resource, cronJob)),
    });
    this.#jobs.addHandler({
      onAdd: (job) => this.#enqueueOwner(job, causeOf(this.#jobs.resource, job)),
      onUpdate: (old, job) => {
        if (old === job) return;
        const cause = causeOf(this.#jobs.resource, job);
        if (controllerOf(old)?.uid !== controllerOf(job)?.uid) this.#enqueueOwner(old, cause);
        this.#enqueueOwner(job, cause);
      },
      onDelete: (job) => this.#enqueueOwner(job, causeOf(this.#jobs.resource, job)),
    });
  }

  run(signal: AbortSignal): Promise<void> {
    const { log, broadcaster } = this.#base;
    const queues = [{ queue: this.#queue, workers: concurrentSyncs, reconcile: (key: string) => this.#sync(key) }];
    return runController({ log, broadcaster, informers: [this.#cronJobs, this.#jobs], queues }, signal);
  }

  #event(cronJob: Readonly<CronJob>, type: EventType, reason: string, message: string): void {
    this.#base.recorder.event(cronJob, type, reason, message);
  }

  /** Another schedule counts from now on: its next time is waited for instead of looking back. */
  #cronJobUpdated(old: Readonly<CronJob>, cronJob: Readonly<CronJob>): void {
    const cause = updateCause(this.#cronJobs, old, cronJob);
    const same = old.spec?.schedule === cronJob.spec?.schedule && old.spec?.timeZone === cronJob.spec?.timeZone;
    if (same) {
      this.#queue.add(objectKey(cronJob), cause);
      return;
    }
    let schedule: Schedule;
    try {
      schedule = parseSchedule(cronJob.spec!.schedule, knownZoneOf(cronJob));
    } catch {
      const message = `unparseable schedule for cronjob: ${cronJob.spec?.schedule}`;
      this.#event(cronJob, 'Warning', 'UnParseableCronJobSchedule', message);
      return;
    }
    const wait = nextCheckMs(cronJob, this.#context.clock.now(), schedule);
    if (wait !== undefined) this.#queue.addAfter(objectKey(cronJob), wait, cause);
    else this.#queue.add(objectKey(cronJob), cause);
  }

  #enqueueOwner(job: ReadJob, cause: RequestCause): void {
    const owner = controllerOf(job);
    if (owner?.kind !== 'CronJob') return;
    const cronJob = this.#cronJobs.lister.get(job.metadata.namespace!, owner.name);
    if (cronJob?.metadata.uid === owner.uid) this.#queue.add(objectKey(cronJob), cause);
  }

  async #sync(key: string): Promise<void> {
    const { namespace, name } = splitObjectKey(key);
    const cached = this.#cronJobs.lister.get(namespace, name);
    if (!cached) return;
    const cronJob = deepCopy(cached) as CronJob;
    const jobs = this.#jobs.lister.byIndex(podControllerIndex, cached.metadata.uid!);
    const cleaned = await this.#cleanUp(cronJob, jobs);
    const result = await this.#syncCronJob(cronJob, jobs);
    if (cleaned || result.changed) {
      await this.#base.client.resource<CronJob>('cronjobs.batch').updateStatus(cronJob);
    }
    if (result.error !== undefined) throw result.error;
    if (result.again !== undefined) this.#queue.addAfter(key, result.again, { timer: 'schedule' });
  }

  /** `again`: ms until the next time. `changed`: the status has to be written. */
  async #syncCronJob(
    cronJob: CronJob,
    jobs: readonly ReadJob[],
  ): Promise<{ readonly changed: boolean; readonly again?: number; readonly error?: unknown }> {
    const now = this.#context.clock.now();
    let changed = false;
    try {
      changed = await this.#followJobs(cronJob, jobs);
      const { spec } = cronJob;
      if (cronJob.metadata.deletionTimestamp !== undefined || !spec) return { changed };
      let zone: TimeZone;
      try {
        zone = loadTimeZone(spec.timeZone ?? '');
      } catch (error) {
        const message = `invalid timeZone: ${JSON.stringify(spec.timeZone)}: ${(error as Error).message}`;
        this.#event(cronJob, 'Warning', 'UnknownTimeZone', message);
        return { changed };
      }
      if (spec.suspend) return { changed };
      const schedule = this.#scheduleOf(cronJob, zone);
      if (!schedule) return { changed };
      let due: ReturnType<typeof dueTime>;
      try {
        due = dueTime(cronJob, now, schedule);
      } catch (error) {
        const message = `invalid schedule: ${spec.schedule} : ${(error as Error).message}`;
        this.#event(cronJob, 'Warning', 'InvalidSchedule', message);
        return { changed };
      }
      if (due.tooManyMissed) {
        const message =
          'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew';
        this.#event(cronJob, 'Warning', 'TooManyMissedTimes', message);
      }
      if (due.time !== undefined) {
        const outcome = await this.#start(cronJob, due.time, now, zone);
        changed ||= outcome !== 'skipped';
        if (outcome === 'foreign') return { changed };
      }
      return { changed, again: nextCheckMs(cronJob, now, schedule) };
    } catch (error) {
      return { changed, error };
    }
  }

  #scheduleOf(cronJob: Readonly<CronJob>, zone: TimeZone): Schedule | undefined {
    const text = cronJob.spec!.schedule;
    if (text.includes('TZ')) {
      const message = `CRON_TZ or TZ used in schedule ${JSON.stringify(text)} is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details`;
      this.#event(cronJob, 'Warning', 'UnsupportedSchedule', message);
    }
    try {
      return parseSchedule(text, zone);
    } catch (error) {
      const message = `unparseable schedule: ${JSON.stringify(text)} : ${(error as Error).message}`;
      this.#event(cronJob, 'Warning', 'UnparseableSchedule', message);
      return undefined;
    }
  }

  /** Takes in what became of the jobs. Whether the status changed. */
  async #followJobs(cronJob: CronJob, jobs: readonly ReadJob[]): Promise<boolean> {
    let changed = false;
    const children = new Set<string>();
    for (const job of jobs) {
      const uid = job.metadata.uid!;
      children.add(uid);
      const active = isActive(cronJob, uid);
      const finished = finishedCondition(job);
      if (!finished) {
        if (active) continue;
        // The cache may be older than the status this controller wrote.
        const fresh = await this.#base.client
          .resource<CronJob>('cronjobs.batch')
          .namespace(cronJob.metadata.namespace)
          .get(cronJob.metadata.name!);
        if (isActive(fresh, uid)) {
          Object.assign(cronJob, deepCopy(fresh));
          continue;
        }
        const message = `Saw a job that the controller did not create or forgot: ${job.metadata.name}`;
        this.#event(cronJob, 'Warning', 'UnexpectedJob', message);
        continue;
      }
      if (active) {
        removeActive(cronJob, uid);
        const message = `Saw completed job: ${job.metadata.name}, condition: ${finished.type}`;
        this.#event(cronJob, 'Normal', 'SawCompletedJob', message);
        changed = true;
      }
      const completionTime = finished.type === 'Complete' ? job.status?.completionTime : undefined;
      const last = cronJob.status?.lastSuccessfulTime;
      if (completionTime !== undefined && (last === undefined || parseTime(completionTime) > parseTime(last))) {
        cronJob.status = { ...cronJob.status, lastSuccessfulTime: completionTime };
        changed = true;
      }
    }
    for (const { uid, name, namespace } of cronJob.status?.active ?? []) {
      if (children.has(uid!)) continue;
      try {
        await this.#base.client.resource<Job>('jobs.batch').namespace(namespace).get(name!);
      } catch (error) {
        if (!isNotFound(error)) throw error;
        this.#event(cronJob, 'Normal', 'MissingJob', `Active job went missing: ${name}`);
        removeActive(cronJob, uid!);
        changed = true;
      }
    }
    return changed;
  }

  /** Creates the job of a time, unless something is against it. */
  async #start(
    cronJob: CronJob,
    time: number,
    now: number,
    zone: TimeZone,
  ): Promise<'started' | 'skipped' | 'foreign'> {
    const { startingDeadlineSeconds: deadline, concurrencyPolicy } = cronJob.spec!;
    if (deadline !== undefined && time + deadline * 1000 < now) {
      const message = `Missed scheduled time to start a job: ${formatRfc1123(time)}`;
      this.#event(cronJob, 'Warning', 'MissSchedule', message);
      return 'skipped';
    }
    const name = `${cronJob.metadata.name}-${Math.floor(time / 60_000)}`;
    const { active = [], lastScheduleTime } = cronJob.status ?? {};
    if (active.some((job) => job.name === name)) return 'skipped';
    if (lastScheduleTime !== undefined && parseTime(lastScheduleTime) === time) return 'skipped';
    if (concurrencyPolicy === 'Forbid' && active.length > 0) {
      const message = 'Not starting job because prior execution is running and concurrency policy is Forbid';
      this.#event(cronJob, 'Normal', 'JobAlreadyActive', message);
      return 'skipped';
    }
    const client = this.#base.client.resource<Job>('jobs.batch').namespace(cronJob.metadata.namespace);
    if (concurrencyPolicy === 'Replace') {
      for (const running of active) {
        let job: ReadJob;
        try {
          job = await client.get(running.name!);
        } catch (error) {
          this.#event(cronJob, 'Warning', 'FailedGet', `Get job: ${(error as Error).message}`);
          throw error;
        }
        if (!(await this.#deleteJob(cronJob, job))) throw new Error(`could not replace job ${objectKey(job)}`);
      }
    }
    let job: ReadJob;
    try {
      job = await client.create(jobOf(cronJob, name, formatInZone(time, zone)));
      this.#event(cronJob, 'Normal', 'SuccessfulCreate', `Created job ${name}`);
    } catch (error) {
      if (!isAlreadyExists(error)) {
        if (!hasNamespaceTerminatingCause(error)) {
          this.#event(cronJob, 'Warning', 'FailedCreate', `Error creating job: ${(error as Error).message}`);
        }
        throw error;
      }
      // Created by a sync whose status did not get through, or by somebody else.
      job = await client.get(name);
      if (!isControlledBy(job, cronJob)) return 'foreign';
    }
    cronJob.status = {
      ...cronJob.status,
      active: [...(cronJob.status?.active ?? []), referenceTo(job)],
      lastScheduleTime: rfc3339(time),
    };
    return 'started';
  }

  /** Deletes finished jobs beyond the history limits, oldest first. Whether the status changed. */
  async #cleanUp(cronJob: CronJob, jobs: readonly ReadJob[]): Promise<boolean> {
    const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = cronJob.spec ?? {};
    let changed = false;
    for (const [type, limit] of [
      ['Complete', successfulJobsHistoryLimit],
      ['Failed', failedJobsHistoryLimit],
    ] as const) {
      if (limit === undefined) continue;
      const finished = jobs.filter(
        (job) => finishedCondition(job)?.type === type && job.metadata.deletionTimestamp === undefined,
      );
      if (finished.length <= limit) continue;
      finished.sort(byStartTime);
      for (const job of finished.slice(0, finished.length - limit)) {
        if (await this.#deleteJob(cronJob, job)) changed = true;
      }
    }
    return changed;
  }

  async #deleteJob(cronJob: CronJob, job: ReadJob): Promise<boolean> {
    const { namespace, name, uid } = job.metadata;
    try {
      await this.#base.client
        .resource<Job>('jobs.batch')
        .namespace(namespace)
        .delete(name!, { propagationPolicy: 'Background', preconditions: { uid: uid! } });
    } catch (error) {
      // Seen in an old cache: it went already.
      if (isNotFound(error) && isJobFinished(job)) return false;
      this.#event(cronJob, 'Warning', 'FailedDelete', `Deleted job: ${(error as Error).message}`);
      return false;
    }
    removeActive(cronJob, uid!);
    this.#event(cronJob, 'Normal', 'SuccessfulDelete', `Deleted job ${name}`);
    return true;
  }
}

/** UTC for a zone that is not known: the sync says so. */
function knownZoneOf(cronJob: Readonly<CronJob>): TimeZone {
  try {
    return loadTimeZone(cronJob.spec?.timeZone ?? '');
  } catch {
    return loadTimeZone('');
  }
}

function jobOf(cronJob: Readonly<CronJob>, name: string, scheduledAt: string): Job {
  const { metadata = {}, spec } = cronJob.spec!.jobTemplate;
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name,
      namespace: cronJob.metadata.namespace,
      labels: { ...metadata.labels },
      annotations: { ...metadata.annotations, [scheduledAnnotation]: scheduledAt },
      ownerReferences: [newControllerRef(cronJob)],
    },
    spec,
  } as Job;
}

function isActive(cronJob: Readonly<CronJob>, uid: string): boolean {
  return cronJob.status?.active?.some((job) => job.uid === uid) ?? false;
}

function removeActive(cronJob: CronJob, uid: string): void {
  const { active = [], ...status } = cronJob.status ?? {};
  const left = active.filter((job) => job.uid !== uid);
  cronJob.status = left.length > 0 ? { ...status, active: left } : status;
}

/** Jobs that have not started come last. */
function byStartTime(a: ReadJob, b: ReadJob): number {
  const [x, y] = [a.status?.startTime, b.status?.startTime];
  if (x !== y) return x === undefined ? 1 : y === undefined ? -1 : parseTime(x) - parseTime(y);
  return a.metadata.name! < b.metadata.name! ? -1 : 1;
}
