/** Deletes jobs some time after their end. Upstream: pkg/controller/ttlafterfinished (1.36). */
import type { Job } from '../../api/index.ts';
import { isNotFound, objectKey, splitObjectKey } from '../../apimachinery/index.ts';
import { parseTime } from '../../base/index.ts';
import { type SharedInformer, Workqueue } from '../../client/index.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
  updateCause,
} from '../common/controller.ts';
import { finishedCondition, type ReadJob } from '../common/jobs.ts';

const concurrentSyncs = 5;

const names = {
  name: 'ttl-after-finished-controller',
  serviceAccount: 'ttl-after-finished-controller',
  component: 'ttl-after-finished-controller',
} as const;

export class TtlAfterFinishedController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #context: ControllerContext;
  readonly #base: ControllerBase;
  readonly #queue: Workqueue;
  readonly #jobs: SharedInformer<Job>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#base = controllerBase(context, names);
    this.#queue = new Workqueue(context, { name: 'ttl_jobs_to_delete' });
    this.#jobs = context.informers.informer<Job>('jobs.batch');
    const seen = (old: ReadJob | undefined, job: ReadJob) => {
      if (expiryOf(job) !== undefined) this.#queue.add(objectKey(job), updateCause(this.#jobs, old ?? job, job));
    };
    this.#jobs.addHandler({ onAdd: (job) => seen(undefined, job), onUpdate: seen });
  }

  run(signal: AbortSignal): Promise<void> {
    const { log, broadcaster } = this.#base;
    const queues = [{ queue: this.#queue, workers: concurrentSyncs, reconcile: (key: string) => this.#sync(key) }];
    return runController({ log, broadcaster, informers: [this.#jobs], queues }, signal);
  }

  async #sync(key: string): Promise<void> {
    const { namespace, name } = splitObjectKey(key);
    const cached = this.#jobs.lister.get(namespace, name);
    if (!cached || !this.#isDue(cached)) return;
    const client = this.#base.client.resource<Job>('jobs.batch').namespace(namespace);
    try {
      // The time to live may have been changed meanwhile: only what the server has now counts.
      const fresh = await client.get(name);
      if (!this.#isDue(fresh)) return;
      const preconditions = { uid: fresh.metadata.uid! };
      await client.delete(name, { propagationPolicy: 'Foreground', preconditions });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** One that is not due yet comes again when it is. */
  #isDue(job: ReadJob): boolean {
    const expiry = expiryOf(job);
    if (expiry === undefined) return false;
    const left = expiry - this.#context.clock.now();
    if (left > 0) this.#queue.addAfter(objectKey(job), left, { timer: 'ttl-after-finished' });
    return left <= 0;
  }
}

/** When the job is to be deleted, ms; undefined: never, not finished, or being deleted. */
function expiryOf(job: ReadJob): number | undefined {
  const ttl = job.spec?.ttlSecondsAfterFinished;
  const finished = finishedCondition(job);
  if (ttl === undefined || !finished?.lastTransitionTime || job.metadata.deletionTimestamp !== undefined) {
    return undefined;
  }
  return parseTime(finished.lastTransitionTime) + ttl * 1000;
}
