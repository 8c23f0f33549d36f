/** Keeps an Endpoints object for every Service with a selector. Upstream: pkg/controller/endpoint (1.36). */

import type { EndpointSubset, Endpoints, Pod, Service } from '../../api/index.ts';
import {
  deepEqual,
  hasNamespaceTerminatingCause,
  isNotFound,
  objectKey,
  splitObjectKey,
} from '../../apimachinery/index.ts';
import { causeOf, type SharedInformer, Workqueue } from '../../client/index.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
  updateCause,
} from '../common/controller.ts';
import {
  headlessLabel,
  isHeadless,
  lastChangeTriggerTimeAnnotation,
  selectedPods,
  TriggerTimeTracker,
  UpdateBatcher,
  watchPodsForServices,
} from '../common/endpoints.ts';
import { maxCapacity, subsetsOf, truncated } from './subsets.ts';

const concurrentSyncs = 5;
const maxRetries = 15;
const staleRetryMs = 1000;
const managedByLabel = 'endpoints.kubernetes.io/managed-by';
const managedBy = 'endpoint-controller';
const overCapacityAnnotation = 'endpoints.kubernetes.io/over-capacity';
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader';

const names = {
  name: 'endpoints-controller',
  serviceAccount: 'endpoint-controller',
  component: 'endpoint-controller',
} as const;

export class EndpointsController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #base: ControllerBase;
  readonly #queue: Workqueue;
  readonly #services: SharedInformer<Service>;
  readonly #pods: SharedInformer<Pod>;
  readonly #endpoints: SharedInformer<Endpoints>;
  readonly #batcher: UpdateBatcher;
  readonly #triggers = new TriggerTimeTracker();
  /** Key → resourceVersion that our last write replaced: a cache that still shows it is behind. */
  readonly #replaced = new Map<string, string>();
  readonly #behind = new Set<string>();

  constructor(context: ControllerContext) {
    this.#base = controllerBase(context, names);
    this.#queue = new Workqueue(context, { name: 'endpoint' });
    this.#services = context.informers.informer<Service>('services');
    this.#pods = context.informers.informer<Pod>('pods');
    this.#endpoints = context.informers.informer<Endpoints>('endpoints');
    const add = (service: Readonly<Service>) =>
      this.#queue.add(objectKey(service), causeOf(this.#services.resource, service));
    this.#services.addHandler({
      onAdd: add,
      onUpdate: (old, service) => this.#queue.add(objectKey(service), updateCause(this.#services, old, service)),
      onDelete: add,
    });
    this.#batcher = new UpdateBatcher(context.settings.endpointUpdatesBatchPeriodMs ?? 0);
    watchPodsForServices(this.#pods, this.#services.lister, this.#queue, this.#batcher);
    this.#endpoints.addHandler({
      onUpdate: (_, endpoints) => {
        const key = objectKey(endpoints);
        if (this.#behind.delete(key)) this.#queue.add(key, { timer: 'cache-caught-up' });
      },
      onDelete: (endpoints) => this.#queue.add(objectKey(endpoints), causeOf(this.#endpoints.resource, endpoints)),
    });
  }

  run(signal: AbortSignal): Promise<void> {
    const { log, broadcaster } = this.#base;
    const informers = [this.#services, this.#pods, this.#endpoints];
    const reconcile = (key: string) => this.#sync(key);
    const queues = [{ queue: this.#queue, workers: concurrentSyncs, maxRetries, reconcile }];
    // Endpoints whose Service went while nobody looked.
    const leftovers = { name: 'leftover-endpoints', run: async () => this.#checkLeftovers() };
    return runController({ log, broadcaster, informers, queues, loops: [leftovers] }, signal);
  }

  #checkLeftovers(): void {
    for (const endpoints of this.#endpoints.lister.list()) {
      if (endpoints.metadata.annotations?.[leaderAnnotation] !== undefined) continue;
      this.#queue.add(objectKey(endpoints), { timer: 'start' });
    }
  }

  async #sync(key: string): Promise<void> {
    const { namespace, name } = splitObjectKey(key);
    const client = this.#base.client.resource<Endpoints>('endpoints').namespace(namespace);
    const service = this.#services.lister.get(namespace, name);
    if (!service) {
      this.#triggers.forget(key);
      this.#batcher.note(key, 0);
      this.#replaced.delete(key);
      // The cache may lag behind, but a Service without Endpoints in it is the rule after a delete: no need to ask.
      if (!this.#endpoints.lister.get(namespace, name)) return;
      try {
        await client.delete(name);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
      return;
    }
    if (service.spec?.type === 'ExternalName' || service.spec?.selector === undefined) return;

    const pods = selectedPods(this.#pods.lister, service);
    this.#batcher.note(key, pods.length);
    const triggerTime = this.#triggers.compute(service, pods);
    const subsets = subsetsOf(service, pods);
    const current = this.#endpoints.lister.get(namespace, name);
    if (current && this.#replaced.get(key) === current.metadata.resourceVersion) {
      this.#behind.add(key);
      this.#queue.addAfter(key, staleRetryMs, { timer: 'stale-cache' });
      return;
    }
    if (current && !needsUpdate(current, subsets, service)) return;
    const next = endpointsFor(service, current, subsets, triggerTime);
    try {
      if (current) {
        await client.update(next);
        this.#replaced.set(key, current.metadata.resourceVersion!);
      } else await client.create(next);
    } catch (error) {
      if (!current && hasNamespaceTerminatingCause(error)) return;
      const [reason, what] = current
        ? ['FailedToUpdateEndpoint', 'update endpoint']
        : ['FailedToCreateEndpoint', 'create endpoint for service'];
      const message = `Failed to ${what} ${namespace}/${name}: ${(error as Error).message}`;
      this.#base.recorder.event(next, 'Warning', reason!, message);
      throw error;
    }
  }
}

function needsUpdate(
  current: Readonly<Endpoints>,
  subsets: readonly EndpointSubset[],
  service: Readonly<Service>,
): boolean {
  const total = (current.subsets ?? []).reduce(
    (sum, subset) => sum + (subset.addresses?.length ?? 0) + (subset.notReadyAddresses?.length ?? 0),
    0,
  );
  const capacityNoted = total > maxCapacity || current.metadata.annotations?.[overCapacityAnnotation] !== undefined;
  return (
    capacityNoted ||
    !deepEqual(current.subsets ?? [], subsets) ||
    !labelsCorrect(current.metadata.labels ?? {}, service.metadata.labels ?? {})
  );
}

function labelsCorrect(labels: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): boolean {
  if (labels[managedByLabel] !== managedBy) return false;
  const { [headlessLabel]: _, [managedByLabel]: __, ...own } = labels;
  return deepEqual(own, wanted);
}

function endpointsFor(
  service: Readonly<Service>,
  current: Readonly<Endpoints> | undefined,
  subsets: EndpointSubset[],
  triggerTime: string | undefined,
): Endpoints {
  const cut = truncated(subsets);
  const annotations: Record<string, string> = { ...current?.metadata.annotations };
  if (triggerTime) annotations[lastChangeTriggerTimeAnnotation] = triggerTime;
  else delete annotations[lastChangeTriggerTimeAnnotation];
  if (cut) annotations[overCapacityAnnotation] = 'truncated';
  else delete annotations[overCapacityAnnotation];
  const labels: Record<string, string> = { ...service.metadata.labels, [managedByLabel]: managedBy };
  if (isHeadless(service)) labels[headlessLabel] = '';
  else delete labels[headlessLabel];
  const { name, namespace } = service.metadata;
  const { annotations: _, ...metadata } = current?.metadata ?? { name, namespace };
  const shown = cut ?? subsets;
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { ...metadata, labels, ...(Object.keys(annotations).length > 0 ? { annotations } : {}) },
    ...(shown.length > 0 ? { subsets: shown } : {}),
  };
}
