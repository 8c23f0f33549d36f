/** Empties and finalizes namespaces that are being deleted. Upstream: pkg/controller/namespace (1.36). */

import type { Namespace } from '../../api/index.ts';
import { isNotFound, type KubeObject } from '../../apimachinery/index.ts';
import { rfc3339 } from '../../base/index.ts';
import {
  BucketRateLimiter,
  causeOf,
  ItemExponentialFailureRateLimiter,
  MaxOfRateLimiter,
  retryOnConflict,
  type SharedInformer,
  TokenBucket,
  Workqueue,
} from '../../client/index.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
} from '../common/controller.ts';
import { namespaceConditions } from './conditions.ts';
import { deleteAllContent } from './content.ts';

const concurrentSyncs = 10;
/** Time for other API servers to notice that the namespace is going, before its content is listed. */
const deletionGraceMs = 5000;
const finalizer = 'kubernetes';

const names = {
  name: 'namespace-controller',
  serviceAccount: 'namespace-controller',
  component: 'namespace-controller',
} as const;

export class NamespaceController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #context: ControllerContext;
  readonly #base: ControllerBase;
  readonly #queue: Workqueue;
  readonly #namespaces: SharedInformer<Namespace>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#base = controllerBase(context, names);
    const rateLimiter = new MaxOfRateLimiter(
      new ItemExponentialFailureRateLimiter(5, 60_000),
      new BucketRateLimiter(new TokenBucket(context.clock, 10, 100)),
    );
    this.#queue = new Workqueue(context, { name: 'namespace', rateLimiter });
    this.#namespaces = context.informers.informer<Namespace>('namespaces');
    const enqueue = (namespace: Readonly<Namespace>) => {
      if (namespace.metadata.deletionTimestamp === undefined) return;
      this.#queue.addAfter(namespace.metadata.name!, deletionGraceMs, causeOf(this.#namespaces.resource, namespace));
    };
    this.#namespaces.addHandler({ onAdd: enqueue, onUpdate: (_, namespace) => enqueue(namespace) });
  }

  run(signal: AbortSignal): Promise<void> {
    const reconcile = (key: string, inner: AbortSignal) => this.#sync(key, inner);
    const queues = [{ queue: this.#queue, workers: concurrentSyncs, reconcile }];
    return runController({ log: this.#base.log, informers: [this.#namespaces], queues }, signal);
  }

  async #sync(name: string, signal: AbortSignal): Promise<void> {
    if (!this.#namespaces.lister.get('', name)) return;
    try {
      const seconds = await this.#delete(name, signal);
      if (seconds > 0) {
        const waitMs = (Math.floor(seconds / 2) + 1) * 1000;
        this.#queue.addAfter(name, waitMs, { timer: 'content-remaining' });
      }
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** Seconds until it is worth looking again; 0 when done. */
  async #delete(name: string, signal: AbortSignal): Promise<number> {
    const client = this.#base.client.resource<Namespace>('namespaces');
    let namespace = await client.get(name);
    if (namespace.metadata.deletionTimestamp === undefined) return 0;
    if (namespace.status?.phase !== 'Terminating') {
      namespace = await this.#change(name, namespace, (latest) =>
        client.updateStatus({ ...latest, status: { ...latest.status, phase: 'Terminating' } }),
      );
    }
    if ((namespace.spec?.finalizers ?? []).length === 0) return 0;

    const remaining = await deleteAllContent(
      { client: this.#base.client, clock: this.#context.clock },
      namespace,
      signal,
    );
    const at = rfc3339(this.#context.clock.now());
    const conditions = namespaceConditions(namespace.status?.conditions, remaining, at);
    if (conditions !== namespace.status?.conditions) {
      namespace = await this.#change(name, namespace, (latest) =>
        client.updateStatus({ ...latest, status: { ...latest.status, conditions: [...conditions] } }),
      );
    }
    const [first, ...others] = remaining.errors;
    if (first)
      throw others.length === 0 ? first : new AggregateError(remaining.errors, `deleting the content of ${name}`);
    if (remaining.estimateSeconds > 0) return remaining.estimateSeconds;

    await this.#change(name, namespace, async (latest) => {
      const finalizers = (latest.spec?.finalizers ?? []).filter((other) => other !== finalizer);
      const next = { ...latest, spec: { ...latest.spec, finalizers } };
      return client.updateSubresource<Readonly<Namespace>>(name, 'finalize', next as KubeObject);
    });
    return 0;
  }

  /** Read, change, write, again on conflict as long as it is the same namespace. */
  #change(
    name: string,
    namespace: Readonly<Namespace>,
    write: (latest: Readonly<Namespace>) => Promise<Readonly<Namespace>>,
  ): Promise<Readonly<Namespace>> {
    const { clock } = this.#context;
    let latest: Readonly<Namespace> | undefined = namespace;
    return retryOnConflict({ clock, prng: this.#base.prng, steps: 10 }, async () => {
      const current: Readonly<Namespace> =
        latest ?? (await this.#base.client.resource<Namespace>('namespaces').get(name));
      latest = undefined;
      if (current.metadata.uid !== namespace.metadata.uid) throw new Error('namespace uid has changed across retries');
      return write(current);
    });
  }
}
