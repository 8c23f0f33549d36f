/** Mirrors Endpoints of Services without selector as EndpointSlices. Upstream: pkg/controller/endpointslicemirroring (1.36). */
import type { EndpointSlice, Endpoints, Service } from '../../api/index.ts';
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
import { SliceTracker } from '../common/slice-tracker.ts';
import { controllerName, type Mirror, managedByLabel, mirrorOf, serviceNameLabel } from './mirror.ts';

const concurrentSyncs = 5;
const maxRetries = 15;
const staleRetryMs = 1000;
const skipMirrorLabel = 'endpointslice.kubernetes.io/skip-mirror';
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader';
/** Index of mirrored slices by Service. */
const mirrorIndex = 'mirrored-service';

const names = {
  name: 'endpointslice-mirroring-controller',
  serviceAccount: 'endpointslicemirroring-controller',
  component: 'endpoint-slice-mirroring-controller',
} as const;

export class EndpointSliceMirroringController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #base: ControllerBase;
  readonly #queue: Workqueue;
  readonly #services: SharedInformer<Service>;
  readonly #endpoints: SharedInformer<Endpoints>;
  readonly #slices: SharedInformer<EndpointSlice>;
  readonly #tracker = new SliceTracker();

  constructor(context: ControllerContext) {
    const { clock, informers } = context;
    this.#base = controllerBase(context, names);
    const rateLimiter = new MaxOfRateLimiter(
      new ItemExponentialFailureRateLimiter(1000, 100_000),
      new BucketRateLimiter(new TokenBucket(clock, 10, 100)),
    );
    this.#queue = new Workqueue(context, { name: 'endpoint_slice_mirroring', rateLimiter });
    this.#services = informers.informer<Service>('services');
    this.#endpoints = informers.informer<Endpoints>('endpoints');
    this.#slices = informers.informer<EndpointSlice>('endpointslices.discovery.k8s.io');
    this.#slices.addIndexers({ [mirrorIndex]: (slice) => (isMirror(slice) ? [serviceKey(slice)] : []) });
    this.#watchServices();
    this.#watchEndpoints();
    const sliceChanged = (slice: Readonly<EndpointSlice>) => {
      if (isMirror(slice)) this.#queue.add(serviceKey(slice), causeOf(this.#slices.resource, slice));
    };
    this.#slices.addHandler({
      onAdd: sliceChanged,
      onUpdate: (old, slice) => {
        sliceChanged(slice);
        if (!isMirror(slice) || serviceKey(old) !== serviceKey(slice)) sliceChanged(old);
      },
      onDelete: (slice) => {
        if (isMirror(slice) && this.#tracker.deletionIsNews(slice)) sliceChanged(slice);
      },
    });
  }

  #watchServices(): void {
    const changed = (service: Readonly<Service>) => {
      if (service.spec?.selector === undefined) {
        this.#queue.add(objectKey(service), causeOf(this.#services.resource, service));
      }
    };
    this.#services.addHandler({
      onAdd: changed,
      onUpdate: (old, service) => {
        if ((service.spec?.selector === undefined) !== (old.spec?.selector === undefined)) {
          this.#queue.add(objectKey(service), updateCause(this.#services, old, service));
        }
      },
      onDelete: changed,
    });
  }

  #watchEndpoints(): void {
    const changed = (endpoints: Readonly<Endpoints>) => {
      if (mayMirror(endpoints)) this.#queue.add(objectKey(endpoints), causeOf(this.#endpoints.resource, endpoints));
    };
    this.#endpoints.addHandler({
      onAdd: changed,
      onUpdate: (old, endpoints) => {
        if (mayMirror(endpoints) || mayMirror(old)) {
          this.#queue.add(objectKey(endpoints), updateCause(this.#endpoints, old, endpoints));
        }
      },
      onDelete: changed,
    });
  }

  run(signal: AbortSignal): Promise<void> {
    const { log, broadcaster } = this.#base;
    const informers = [this.#services, this.#endpoints, this.#slices];
    const reconcile = (key: string) => this.#sync(key);
    const queues = [{ queue: this.#queue, workers: concurrentSyncs, maxRetries, reconcile }];
    return runController({ log, broadcaster, informers, queues }, signal);
  }

  async #sync(key: string): Promise<void> {
    const { namespace, name } = splitObjectKey(key);
    const endpoints = this.#endpoints.lister.get(namespace, name);
    const service = this.#services.lister.get(namespace, name);
    const existing = this.#slices.lister.byIndex(mirrorIndex, key);
    if (this.#tracker.isStale(key, existing)) {
      this.#queue.addAfter(key, staleRetryMs, { timer: 'stale-cache' });
      return;
    }
    if (!endpoints || !mayMirror(endpoints) || !service || service.spec?.selector !== undefined) {
      this.#tracker.forget(key);
      for (const slice of existing) await this.#delete(slice);
      return;
    }
    const mirror = mirrorOf(endpoints, existing);
    this.#tell(endpoints, mirror);
    await this.#write(endpoints, mirror);
  }

  #tell(endpoints: Readonly<Endpoints>, { invalid, skipped }: Mirror): void {
    const warn = (reason: string, message: string) => this.#base.recorder.event(endpoints, 'Warning', reason, message);
    if (invalid > 0) {
      warn('InvalidIPAddress', `Skipped ${invalid} invalid IP addresses when mirroring to EndpointSlices`);
    }
    if (skipped > invalid) {
      warn(
        'TooManyAddressesToMirror',
        `A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. ${skipped} addresses were skipped`,
      );
    }
  }

  async #write({ metadata }: Readonly<Endpoints>, mirror: Mirror): Promise<void> {
    const { namespace, name } = metadata;
    const key = `${namespace}/${name}`;
    const client = this.#base.client.resource<EndpointSlice>('endpointslices.discovery.k8s.io').namespace(namespace);
    if (metadata.deletionTimestamp === undefined) {
      for (const slice of mirror.create) {
        try {
          this.#tracker.wrote(key, await client.create(slice, { handOver: false }));
        } catch (error) {
          if (hasNamespaceTerminatingCause(error)) return;
          const what = `failed to create EndpointSlice for Endpoints ${namespace}/${name}`;
          throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
        }
      }
    }
    for (const slice of mirror.update) {
      try {
        this.#tracker.wrote(key, await client.update(slice));
      } catch (error) {
        const what = `failed to update ${slice.metadata.name} EndpointSlice for Endpoints ${namespace}/${name}`;
        throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
      }
    }
    for (const slice of mirror.delete) {
      this.#tracker.expectDeletion(key, slice);
      await this.#delete(slice);
    }
  }

  async #delete({ metadata }: Readonly<EndpointSlice>): Promise<void> {
    const client = this.#base.client.resource<EndpointSlice>('endpointslices.discovery.k8s.io');
    try {
      await client.namespace(metadata.namespace).delete(metadata.name!);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

function mayMirror({ metadata }: Readonly<Endpoints>): boolean {
  return metadata.labels?.[skipMirrorLabel] !== 'true' && metadata.annotations?.[leaderAnnotation] === undefined;
}

function isMirror(slice: Readonly<KubeObject>): boolean {
  return slice.metadata.labels?.[managedByLabel] === controllerName;
}

function serviceKey(slice: Readonly<KubeObject>): string {
  return `${slice.metadata.namespace}/${slice.metadata.labels?.[serviceNameLabel] ?? ''}`;
}
