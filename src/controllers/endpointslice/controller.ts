/** Keeps the EndpointSlices of every Service with a selector. Upstream: pkg/controller/endpointslice (1.36). */

import type { EndpointSlice, Node, Pod, Service } from '../../api/index.ts';
import {
  hasNamespaceTerminatingCause,
  isNotFound,
  type KubeObject,
  objectKey,
  splitObjectKey,
} from '../../apimachinery/index.ts';
import {
  BucketRateLimiter,
  causeOf,
  ItemExponentialFailureRateLimiter,
  MaxOfRateLimiter,
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
  updateCause,
} from '../common/controller.ts';
import {
  lastChangeTriggerTimeAnnotation,
  selectedPods,
  TriggerTimeTracker,
  UpdateBatcher,
  watchPodsForServices,
} from '../common/endpoints.ts';
import { SliceTracker } from '../common/slice-tracker.ts';
import { type AddressType, addressTypesOf, controllerName, managedByLabel, serviceNameLabel } from './endpoint.ts';
import { reconcileByAddressType, type SliceChanges } from './reconcile.ts';
import { nodeIsReady, TopologyCache } from './topology-cache.ts';

const concurrentSyncs = 5;
const maxRetries = 15;
const defaultMaxEndpointsPerSlice = 100;
/** A change of a slice by somebody else waits this long, so that a burst of them causes one sync. */
const sliceChangeDelayMs = 1000;
/** Index of our slices by Service. */
const serviceIndex = 'service';

const names = {
  name: 'endpointslice-controller',
  serviceAccount: 'endpointslice-controller',
  component: 'endpoint-slice-controller',
} as const;

export class EndpointSliceController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #base: ControllerBase;
  readonly #queue: Workqueue;
  readonly #services: SharedInformer<Service>;
  readonly #pods: SharedInformer<Pod>;
  readonly #nodes: SharedInformer<Node>;
  readonly #slices: SharedInformer<EndpointSlice>;
  readonly #batcher: UpdateBatcher;
  readonly #triggers = new TriggerTimeTracker();
  readonly #tracker = new SliceTracker();
  readonly #topology = new TopologyCache();
  #counted = false;
  /** One item: the nodes are to be counted again. */
  readonly #nodesQueue: Workqueue;
  /** Services whose sync found the cache behind our own writes: they are synced when it has caught up. */
  readonly #behind = new Set<string>();
  readonly #maxEndpointsPerSlice: number;
  readonly #batchMs: number;

  constructor(context: ControllerContext) {
    const { clock, informers, settings } = context;
    this.#base = controllerBase(context, names);
    const rateLimiter = new MaxOfRateLimiter(
      new ItemExponentialFailureRateLimiter(1000, 1_000_000),
      new BucketRateLimiter(new TokenBucket(clock, 10, 100)),
    );
    this.#queue = new Workqueue(context, { name: 'endpoint_slice', rateLimiter });
    this.#maxEndpointsPerSlice = settings.maxEndpointsPerSlice ?? defaultMaxEndpointsPerSlice;
    this.#batchMs = settings.endpointUpdatesBatchPeriodMs ?? 0;
    this.#services = informers.informer<Service>('services');
    this.#pods = informers.informer<Pod>('pods');
    this.#nodes = informers.informer<Node>('nodes');
    this.#slices = informers.informer<EndpointSlice>('endpointslices.discovery.k8s.io');
    this.#slices.addIndexers({ [serviceIndex]: (slice) => (isOurs(slice) ? [serviceKey(slice)] : []) });
    const add = (service: Readonly<Service>) =>
      this.#queue.add(objectKey(service), causeOf(this.#services.resource, service));
    this.#services.addHandler({
      onAdd: add,
      onUpdate: (old, service) => this.#queue.add(objectKey(service), updateCause(this.#services, old, service)),
      onDelete: add,
    });
    this.#nodesQueue = new Workqueue(context, { name: 'endpoint_slice_topology' });
    const nodesChanged = (node: Readonly<Node>) => this.#nodesQueue.add('nodes', causeOf(this.#nodes.resource, node));
    this.#nodes.addHandler({
      onAdd: nodesChanged,
      onUpdate: (old, node) => {
        if (nodeIsReady(old) !== nodeIsReady(node) || zoneOf(old) !== zoneOf(node)) nodesChanged(node);
      },
      onDelete: nodesChanged,
    });
    this.#batcher = new UpdateBatcher(this.#batchMs);
    watchPodsForServices(this.#pods, this.#services.lister, this.#queue, this.#batcher);
    this.#slices.addHandler({
      onAdd: (slice) => {
        if (isOurs(slice)) this.#sliceSeen(slice, this.#tracker.isNews(slice));
      },
      onUpdate: (old, slice) => {
        const moved = serviceKey(old) !== serviceKey(slice) || isOurs(old) !== isOurs(slice);
        if (moved) this.#enqueueSlice(old);
        if (moved || isOurs(slice)) this.#sliceSeen(slice, moved || this.#tracker.isNews(slice));
      },
      onDelete: (slice) => {
        if (isOurs(slice)) this.#sliceSeen(slice, this.#tracker.deletionIsNews(slice));
      },
    });
  }

  run(signal: AbortSignal): Promise<void> {
    const { log, broadcaster } = this.#base;
    const informers = [this.#services, this.#pods, this.#nodes, this.#slices];
    const reconcile = (key: string) => this.#sync(key);
    const queues = [
      { queue: this.#nodesQueue, workers: 1, reconcile: async () => this.#countNodes() },
      { queue: this.#queue, workers: concurrentSyncs, maxRetries, reconcile },
    ];
    return runController({ log, broadcaster, informers, queues }, signal);
  }

  #sliceSeen(slice: Readonly<EndpointSlice>, news: boolean): void {
    if (news) this.#enqueueSlice(slice);
    else if (this.#behind.delete(serviceKey(slice))) this.#queue.add(serviceKey(slice), { timer: 'cache-caught-up' });
  }

  #countNodes(): void {
    this.#counted = true;
    this.#topology.setNodes(this.#nodes.lister.list());
    for (const key of this.#topology.overloaded()) this.#queue.add(key, { timer: 'topology' });
  }

  #enqueueSlice(slice: Readonly<EndpointSlice>): void {
    const delay = Math.max(sliceChangeDelayMs, this.#batchMs);
    this.#queue.addAfter(serviceKey(slice), delay, causeOf(this.#slices.resource, slice));
  }

  async #sync(key: string): Promise<void> {
    const { namespace, name } = splitObjectKey(key);
    const service = this.#services.lister.get(namespace, name);
    if (!service) {
      this.#triggers.forget(key);
      this.#batcher.note(key, 0);
      this.#tracker.forget(key);
      this.#topology.forget(key);
      return;
    }
    if (service.spec?.type === 'ExternalName' || service.spec?.selector === undefined) return;
    // Whichever queue is first after the start: hints need the zones.
    if (!this.#counted) this.#countNodes();
    const pods = selectedPods(this.#pods.lister, service);
    const all = this.#slices.lister.byIndex(serviceIndex, key);
    if (this.#tracker.isStale(key, all)) {
      this.#behind.add(key);
      this.#queue.addAfter(key, sliceChangeDelayMs, { timer: 'stale-cache' });
      return;
    }
    const slices = all.filter((slice) => slice.metadata.deletionTimestamp === undefined);
    this.#batcher.note(key, pods.length);
    const triggerTime = this.#triggers.compute(service, pods);
    const errors: Error[] = [];
    const families = addressTypesOf(service);
    for (const family of families) {
      const ofFamily = slices.filter((slice) => slice.addressType === family);
      const input = {
        service,
        pods,
        slices: ofFamily,
        nodes: this.#nodes.lister,
        maxEndpointsPerSlice: this.#maxEndpointsPerSlice,
        topology: this.#topology,
      };
      const changes = reconcileByAddressType(input, family);
      errors.push(...changes.errors);
      try {
        await this.#write(key, service, changes, triggerTime);
      } catch (error) {
        errors.push(error as Error);
      }
      for (const { type, reason, message } of changes.events) this.#base.recorder.event(service, type, reason, message);
    }
    const foreign = slices.filter((slice) => !(families as string[]).includes(slice.addressType));
    for (const slice of foreign) this.#topology.forget(key, slice.addressType as AddressType);
    const removal = { create: [], update: [], delete: foreign, errors: [], events: [] };
    await this.#write(key, service, removal, triggerTime);
    if (errors.length === 0) return;
    const error =
      errors.length === 1 ? errors[0]! : new AggregateError(errors, errors.map((e) => e.message).join(', '));
    const message = `Error updating Endpoint Slices for Service ${namespace}/${name}: ${error.message}`;
    this.#base.recorder.event(service, 'Warning', 'FailedToUpdateEndpointSlices', message);
    throw error;
  }

  async #write(
    key: string,
    service: Readonly<Service>,
    changes: SliceChanges,
    triggerTime: string | undefined,
  ): Promise<void> {
    const { namespace, name } = service.metadata;
    const client = this.#base.client.resource<EndpointSlice>('endpointslices.discovery.k8s.io').namespace(namespace);
    if (service.metadata.deletionTimestamp === undefined) {
      for (const slice of changes.create) {
        try {
          this.#tracker.wrote(key, await client.create(withTriggerTime(slice, triggerTime), { handOver: false }));
        } catch (error) {
          if (hasNamespaceTerminatingCause(error)) return;
          throw new Error(
            `failed to create EndpointSlice for Service ${namespace}/${name}: ${(error as Error).message}`,
            { cause: error },
          );
        }
      }
    }
    for (const slice of changes.update) {
      try {
        this.#tracker.wrote(key, await client.update(withTriggerTime(slice, triggerTime)));
      } catch (error) {
        const what = `failed to update ${slice.metadata.name} EndpointSlice for Service ${namespace}/${name}`;
        throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
      }
    }
    for (const slice of changes.delete) {
      this.#tracker.expectDeletion(key, slice);
      try {
        await client.delete(slice.metadata.name!);
      } catch (error) {
        if (isNotFound(error)) continue;
        this.#tracker.unexpectDeletion(key, slice);
        const what = `failed to delete ${slice.metadata.name} EndpointSlice for Service ${namespace}/${name}`;
        throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
      }
    }
  }
}

function zoneOf(node: Readonly<Node>): string | undefined {
  return node.metadata.labels?.['topology.kubernetes.io/zone'];
}

function isOurs(slice: Readonly<KubeObject>): boolean {
  return slice.metadata.labels?.[managedByLabel] === controllerName;
}

function serviceKey(slice: Readonly<KubeObject>): string {
  return `${slice.metadata.namespace}/${slice.metadata.labels?.[serviceNameLabel] ?? ''}`;
}

function withTriggerTime(slice: EndpointSlice, triggerTime: string | undefined): EndpointSlice {
  const { [lastChangeTriggerTimeAnnotation]: _, ...annotations } = slice.metadata.annotations ?? {};
  if (triggerTime) annotations[lastChangeTriggerTimeAnnotation] = triggerTime;
  const { annotations: __, ...metadata } = slice.metadata;
  return { ...slice, metadata: Object.keys(annotations).length > 0 ? { ...metadata, annotations } : metadata };
}
