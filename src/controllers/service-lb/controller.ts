/**
 * Gives Services of type LoadBalancer an address, and takes it back.
 * Upstream: staging/src/k8s.io/cloud-provider/controllers/service/controller.go (1.36), with a cloud that is a range of addresses.
 */
import type { Service } from '../../api/index.ts';
import { isNotFound, objectKey, splitObjectKey } from '../../apimachinery/index.ts';
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
import { type LoadBalancerRange, loadBalancerRange } from '../common/load-balancer-addresses.ts';

const names = { name: 'service-lb-controller', serviceAccount: 'service-controller', component: 'service-controller' };
const finalizer = 'service.kubernetes.io/load-balancer-cleanup';

type ReadService = Readonly<Service>;

export class ServiceLoadBalancerController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #base: ControllerBase;
  readonly #queue: Workqueue;
  readonly #services: SharedInformer<Service>;
  readonly #range: LoadBalancerRange;
  /** Address by the uid of the service that has it. */
  readonly #owned = new Map<string, string>();
  /** Services that could not be given an address: an address that comes free helps them. */
  readonly #waiting = new Set<string>();

  constructor(context: ControllerContext) {
    this.#base = controllerBase(context, names);
    this.#queue = new Workqueue(context, { name: 'service' });
    this.#range = loadBalancerRange(context.settings);
    this.#services = context.informers.informer<Service>('services');
    this.#services.addHandler({
      onAdd: (service) => {
        // Addresses in use are known before the first is given out: the workers start after the first list.
        const address = addressOf(service);
        if (address !== undefined && this.#range.allocator.allocate(address) === undefined) {
          this.#owned.set(service.metadata.uid!, address);
        }
        if (concerns(service)) this.#queue.add(objectKey(service), causeOf(this.#services.resource, service));
      },
      onUpdate: (old, service) => {
        if (concerns(service)) this.#queue.add(objectKey(service), updateCause(this.#services, old, service));
      },
      onDelete: (service) => this.#release(service),
    });
  }

  run(signal: AbortSignal): Promise<void> {
    const { log, broadcaster } = this.#base;
    const queues = [{ queue: this.#queue, workers: 1, reconcile: (key: string) => this.#sync(key) }];
    return runController({ log, broadcaster, informers: [this.#services], queues }, signal);
  }

  async #sync(key: string): Promise<void> {
    const { namespace, name } = splitObjectKey(key);
    const service = this.#services.lister.get(namespace, name);
    if (!service || !concerns(service)) return;
    if (wants(service) && service.metadata.deletionTimestamp === undefined) await this.#ensure(service);
    else await this.#cleanUp(service);
  }

  async #ensure(service: ReadService): Promise<void> {
    const { recorder } = this.#base;
    const asked = service.spec?.loadBalancerIP || undefined;
    const present = addressOf(service);
    if (present !== undefined && hasFinalizer(service) && (asked === undefined || asked === present)) return;
    recorder.event(service, 'Normal', 'EnsuringLoadBalancer', 'Ensuring load balancer');
    let address: string;
    try {
      address = this.#take(service, asked);
    } catch (error) {
      const message = `Error syncing load balancer: failed to ensure load balancer: ${(error as Error).message}`;
      recorder.event(service, 'Warning', 'SyncLoadBalancerFailed', message);
      this.#waiting.add(objectKey(service));
      throw error;
    }
    const ingress = [{ ip: address, ipMode: 'VIP' }];
    const finalizers = hasFinalizer(service)
      ? service.metadata.finalizers
      : [...(service.metadata.finalizers ?? []), finalizer];
    await this.#patch(service, { metadata: { finalizers }, status: { loadBalancer: { ingress } } });
    recorder.event(service, 'Normal', 'EnsuredLoadBalancer', 'Ensured load balancer');
  }

  #take(service: ReadService, asked: string | undefined): string {
    const uid = service.metadata.uid!;
    const { allocator } = this.#range;
    const owned = this.#owned.get(uid);
    if (owned !== undefined && (asked === undefined || asked === owned)) return owned;
    if (asked !== undefined) {
      const refusal = allocator.allocate(asked);
      if (refusal === 'NotInRange') throw new Error(`the address ${asked} is not in the range of load balancers`);
      if (refusal) throw new Error(`the address ${asked} is taken`);
    }
    const address = asked ?? allocator.allocateNext();
    if (address === undefined) throw new Error('the range of load balancer addresses is full');
    if (owned !== undefined) allocator.release(owned);
    this.#owned.set(uid, address);
    this.#waiting.delete(objectKey(service));
    return address;
  }

  async #cleanUp(service: ReadService): Promise<void> {
    const { recorder } = this.#base;
    recorder.event(service, 'Normal', 'DeletingLoadBalancer', 'Deleting load balancer');
    const finalizers = (service.metadata.finalizers ?? []).filter((other) => other !== finalizer);
    try {
      await this.#patch(service, { metadata: { finalizers }, status: { loadBalancer: { ingress: null } } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    this.#release(service);
    recorder.event(service, 'Normal', 'DeletedLoadBalancer', 'Deleted load balancer');
  }

  #release(service: ReadService): void {
    const address = this.#owned.get(service.metadata.uid!);
    this.#waiting.delete(objectKey(service));
    if (address === undefined) return;
    this.#owned.delete(service.metadata.uid!);
    this.#range.allocator.release(address);
    for (const key of this.#waiting) this.#queue.add(key, causeOf(this.#services.resource, service));
  }

  /** Through /status, as upstream, whose rights cover no more. */
  async #patch(service: ReadService, patch: object): Promise<void> {
    const { namespace, name, resourceVersion } = service.metadata;
    const { metadata, ...rest } = patch as { metadata: object };
    await this.#base.client
      .resource<Service>('services')
      .namespace(namespace)
      .patch(name!, 'merge', { metadata: { ...metadata, resourceVersion }, ...rest }, { subresource: 'status' });
  }
}

/** Another implementation's when it has a class. */
function wants({ spec }: ReadService): boolean {
  return spec?.type === 'LoadBalancer' && !spec.loadBalancerClass;
}

function hasFinalizer(service: ReadService): boolean {
  return service.metadata.finalizers?.includes(finalizer) === true;
}

function concerns(service: ReadService): boolean {
  return wants(service) || hasFinalizer(service);
}

function addressOf({ status }: ReadService): string | undefined {
  return status?.loadBalancer?.ingress?.[0]?.ip;
}
