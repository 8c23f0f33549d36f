/**
 * Counts what each quota's objects use: on a change of the quota, when counted objects go, and every five minutes.
 * What is created is counted by admission before it is stored.
 * Upstream: pkg/controller/resourcequota/{resource_quota_controller,resource_quota_monitor}.go (1.36).
 */
import {
  type Amounts,
  addAmounts,
  amountsFrom,
  type Pod,
  type QuotaObjects,
  quotaEvaluator,
  quotaSelects,
  type ResourceQuota,
  resourcesOfQuota,
  type Service,
} from '../../api/index.ts';
import { deepEqual, type KubeObject, objectKey, parseQuantity, splitObjectKey } from '../../apimachinery/index.ts';
import type { Runnable } from '../../base/index.ts';
import { causeOf, NoMatchError, type RequestCause, type SharedInformer, Workqueue } from '../../client/index.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
  updateCause,
} from '../common/controller.ts';
import { isPodTerminal } from '../common/pods.ts';

const names = {
  name: 'resourcequota-controller',
  serviceAccount: 'resourcequota-controller',
  component: 'resourcequota-controller',
} as const;
/** Upstream: --concurrent-resource-quota-syncs, --resource-quota-sync-period. */
const workers = 5;
const syncPeriodMs = 5 * 60_000;
const recountMs = 1000;
const claimResource = 'resourceclaims.resource.k8s.io';

type Quota = Readonly<ResourceQuota>;

export class ResourceQuotaController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #context: ControllerContext;
  readonly #base: ControllerBase;
  readonly #queue: Workqueue;
  readonly #quotas: SharedInformer<ResourceQuota>;
  /** Resources that some quota counts: their caches are made when the first quota asks. */
  readonly #counted = new Map<string, SharedInformer | undefined>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#base = controllerBase(context, names);
    this.#queue = new Workqueue(context, { name: 'resourcequota_primary' });
    this.#quotas = context.informers.informer<ResourceQuota>('resourcequotas');
    this.#quotas.addHandler({
      onAdd: (quota) => this.#queue.add(objectKey(quota), causeOf(this.#quotas.resource, quota)),
      onUpdate: (old, quota) => {
        // Changes of status are admission's or ours.
        if (deepEqual(old.spec, quota.spec)) return;
        this.#queue.add(objectKey(quota), updateCause(this.#quotas, old, quota));
      },
      onDelete: (quota) => this.#changed('resourcequotas', quota, causeOf(this.#quotas.resource, quota)),
    });
  }

  run(signal: AbortSignal): Promise<void> {
    const { log, broadcaster } = this.#base;
    const queues = [
      { queue: this.#queue, workers, reconcile: (key: string, inner: AbortSignal) => this.#sync(key, inner) },
    ];
    const resync: Runnable = {
      name: 'resourcequota-resync',
      run: async (inner) => {
        for await (const _ of this.#context.clock.every(syncPeriodMs, inner)) {
          for (const quota of this.#quotas.lister.list()) {
            this.#queue.add(objectKey(quota), { timer: 'resource-quota-sync-period' });
          }
        }
      },
    };
    return runController({ log, broadcaster, informers: [this.#quotas], queues, loops: [resync] }, signal);
  }

  /** The quotas of the object's namespace that are about its kind are counted anew. */
  #changed(resource: string, object: Readonly<KubeObject>, cause: RequestCause, afterMs = 0): void {
    const evaluator = quotaEvaluator(resource);
    for (const quota of this.#quotas.lister.list(object.metadata.namespace)) {
      if (evaluator.matching(Object.keys(quota.spec?.hard ?? {})).length > 0) {
        this.#queue.addAfter(objectKey(quota), afterMs, cause);
      }
    }
  }

  /** The cache of a counted resource; undefined when nobody serves it. */
  async #cacheOf(resource: string, signal: AbortSignal): Promise<SharedInformer | undefined> {
    if (resource === 'resourcequotas') return this.#quotas as unknown as SharedInformer;
    if (!this.#counted.has(resource)) {
      let informer: SharedInformer | undefined;
      try {
        informer = this.#context.informers.informer(resource);
      } catch (error) {
        if (!(error instanceof NoMatchError)) throw error;
      }
      this.#counted.set(resource, informer);
      if (informer) this.#watch(resource, informer);
    }
    const informer = this.#counted.get(resource);
    await informer?.waitForSync(signal);
    return informer;
  }

  #watch(resource: string, informer: SharedInformer): void {
    informer.addHandler({
      // Counted by admission a moment before it was stored: a count taken in between is put right soon.
      onAdd: (object, initial) => {
        if (!initial) this.#changed(resource, object, causeOf(informer.resource, object), recountMs);
      },
      onUpdate: (old, object) => {
        if (frees(resource, old, object)) this.#changed(resource, object, causeOf(informer.resource, object));
      },
      onDelete: (object) => this.#changed(resource, object, causeOf(informer.resource, object)),
    });
  }

  async #sync(key: string, signal: AbortSignal): Promise<void> {
    const { namespace, name } = splitObjectKey(key);
    const first = this.#quotas.lister.get(namespace, name);
    if (!first) return;
    const caches = new Map<string, SharedInformer>();
    for (const resource of resourcesOfQuota(Object.keys(first.spec?.hard ?? {}))) {
      const cache = await this.#cacheOf(resource, signal);
      if (cache) caches.set(resource, cache);
    }
    // What devices count for depends on these.
    const also = caches.has(claimResource) ? ['pods', 'deviceclasses.resource.k8s.io'] : [];
    const known = new Map(caches);
    for (const resource of also) {
      const cache = await this.#cacheOf(resource, signal);
      if (cache) known.set(resource, cache);
    }
    const objects: QuotaObjects = {
      get: (resource, space, object) => known.get(resource)?.lister.get(space, object),
      list: (resource, space) => known.get(resource)?.lister.list(space) ?? [],
    };
    // Caches may have taken a while: what admission counted meanwhile must not be undone by an older state.
    const client = this.#base.client.resource<ResourceQuota>('resourcequotas').namespace(namespace);
    const quota = this.#quotas.lister.get(namespace, name) ?? first;
    const hard = quota.spec?.hard ?? {};
    const used = this.#count(quota, caches, objects);
    const status = { hard, used };
    if (deepEqual(quota.status?.hard ?? {}, hard) && sameAmounts(quota.status?.used, used)) return;
    await client.updateStatus({ ...quota, status } as ResourceQuota);
  }

  #count(quota: Quota, caches: ReadonlyMap<string, SharedInformer>, objects: QuotaObjects): Record<string, string> {
    const hardNames = Object.keys(quota.spec?.hard ?? {});
    const now = this.#context.clock.now();
    let total: Amounts = new Map();
    for (const [resource, cache] of caches) {
      const evaluator = quotaEvaluator(resource);
      const counted = new Set(evaluator.matching(hardNames));
      for (const object of cache.lister.list(quota.metadata.namespace)) {
        if (!quotaSelects(evaluator, quota, object)) continue;
        const usage = [...evaluator.usage(object, now, objects)].filter(([name]) => counted.has(name));
        total = addAmounts(total, new Map(usage));
      }
    }
    const zero = parseQuantity('0');
    return Object.fromEntries(hardNames.map((name) => [name, (total.get(name) ?? zero).toString()]));
  }
}

function sameAmounts(a: Readonly<Record<string, string | number>> | undefined, b: Record<string, string>): boolean {
  const [left, right] = [amountsFrom(a), amountsFrom(b)];
  return left.size === right.size && [...left].every(([name, amount]) => right.get(name)?.equals(amount));
}

/** Updates after which an object counts for less. Upstream: DefaultUpdateFilter. */
function frees(resource: string, old: Readonly<KubeObject>, object: Readonly<KubeObject>): boolean {
  if (resource === 'pods') {
    const [before, after] = [old as Readonly<Pod>, object as Readonly<Pod>];
    return !isPodTerminal(before) && isPodTerminal(after);
  }
  if (resource === 'services') {
    const evaluator = quotaEvaluator(resource);
    const [before, after] = [evaluator.usage(old, 0), evaluator.usage(object as Readonly<Service>, 0)];
    return [...before].some(([name, amount]) => (after.get(name)?.compare(amount) ?? 0) !== 0);
  }
  return false;
}
