/**
 * Calls ServiceCIDRs ready, and keeps one that is being deleted while services still have addresses of it.
 * Upstream: pkg/controller/servicecidrs (1.36).
 */
import type { IPAddress, ServiceCIDR } from '../../api/index.ts';
import { isNotFound } from '../../apimachinery/index.ts';
import { type Clock, parseTime, rfc3339 } from '../../base/index.ts';
import { causeOf, type SharedInformer, Workqueue } from '../../client/index.ts';
import { type Cidr, cidrContains, cidrSize, ipToNumber, numberToIp, parseCidr } from '../../net/index.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
  updateCause,
} from '../common/controller.ts';

const concurrentSyncs = 5;
const maxRetries = 15;
const finalizer = 'networking.k8s.io/service-cidr-finalizer';
const managedByLabel = 'ipaddress.kubernetes.io/managed-by';
const allocator = 'ipallocator.k8s.io';
/** Allocators must have seen the deletion before the range may go. */
const deletionGraceMs = 10_000;

const names = {
  name: 'service-cidr-controller',
  serviceAccount: 'service-cidrs-controller',
  component: 'service-cidr-controller',
} as const;

type ReadCidr = Readonly<ServiceCIDR>;
type ReadAddress = Readonly<IPAddress>;

export class ServiceCidrsController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #base: ControllerBase;
  readonly #clock: Clock;
  readonly #queue: Workqueue;
  readonly #cidrs: SharedInformer<ServiceCIDR>;
  readonly #addresses: SharedInformer<IPAddress>;

  constructor(context: ControllerContext) {
    this.#base = controllerBase(context, names);
    this.#clock = context.clock;
    this.#queue = new Workqueue(context, { name: 'ipaddresses' });
    this.#cidrs = context.informers.informer<ServiceCIDR>('servicecidrs.networking.k8s.io');
    this.#addresses = context.informers.informer<IPAddress>('ipaddresses.networking.k8s.io');
    this.#cidrs.addHandler({
      onAdd: (cidr) => {
        const cause = causeOf(this.#cidrs.resource, cidr);
        this.#queue.add(cidr.metadata.name!, cause);
        // One that was kept for its addresses may go now that another range has them.
        for (const other of this.#overlapping(cidr)) this.#queue.add(other.metadata.name!, cause);
      },
      onUpdate: (old, cidr) => this.#queue.add(cidr.metadata.name!, updateCause(this.#cidrs, old, cidr)),
      onDelete: (cidr) => this.#queue.add(cidr.metadata.name!, causeOf(this.#cidrs.resource, cidr)),
    });
    const addressChanged = (address: ReadAddress) => {
      if (!isManaged(address)) return;
      for (const cidr of this.#containing(address)) {
        // Addresses come and go by the hundred: only a range that waits for them is looked at.
        if (cidr.metadata.deletionTimestamp === undefined) continue;
        this.#queue.add(cidr.metadata.name!, causeOf(this.#addresses.resource, address));
      }
    };
    this.#addresses.addHandler({ onAdd: addressChanged, onDelete: addressChanged });
  }

  run(signal: AbortSignal): Promise<void> {
    const { log, broadcaster } = this.#base;
    const informers = [this.#cidrs, this.#addresses];
    const reconcile = (name: string) => this.#sync(name);
    const queues = [{ queue: this.#queue, workers: concurrentSyncs, maxRetries, reconcile }];
    return runController({ log, broadcaster, informers, queues }, signal);
  }

  async #sync(name: string): Promise<void> {
    const cidr = this.#cidrs.lister.get('', name);
    if (!cidr) return;
    const { deletionTimestamp } = cidr.metadata;
    if (deletionTimestamp === undefined) {
      await this.#addFinalizer(cidr);
      try {
        await this.#setReady(cidr, 'True', '', 'Kubernetes Service CIDR is ready');
      } catch (error) {
        const message = 'The ServiceCIDR Status can not be set to Ready=True';
        this.#base.recorder.event(cidr, 'Warning', 'KubernetesServiceCIDRError', message);
        throw error;
      }
      return;
    }
    if (!this.#mayGo(cidr)) {
      const message =
        'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR';
      return this.#setReady(cidr, 'False', 'Terminating', message);
    }
    const left = deletionGraceMs - (this.#clock.now() - parseTime(deletionTimestamp));
    if (left > 0) this.#queue.addAfter(name, left, causeOf(this.#cidrs.resource, cidr));
    else await this.#removeFinalizer(cidr);
  }

  /** Other ranges hold all of it, or at least every address that is taken. */
  #mayGo(cidr: ReadCidr): boolean {
    const others = this.#cidrs.lister.list().filter(({ metadata }) => metadata.name !== cidr.metadata.name);
    const rest = others.flatMap(rangesOf);
    const own = rangesOf(cidr);
    if (own.every((range) => rest.some((other) => holds(other, range)))) return true;
    return !this.#addresses.lister.list().some((address) => {
      const ip = address.metadata.name!;
      return isManaged(address) && own.some((range) => usable(range, ip)) && !rest.some((other) => usable(other, ip));
    });
  }

  #overlapping(cidr: ReadCidr): ReadCidr[] {
    const own = rangesOf(cidr);
    return this.#cidrs.lister
      .list()
      .filter((other) => rangesOf(other).some((range) => own.some((o) => holds(o, range) || holds(range, o))));
  }

  #containing(address: ReadAddress): ReadCidr[] {
    const ip = address.metadata.name!;
    return this.#cidrs.lister.list().filter((cidr) => rangesOf(cidr).some((range) => usable(range, ip)));
  }

  async #addFinalizer({ metadata }: ReadCidr): Promise<void> {
    if (metadata.finalizers?.includes(finalizer)) return;
    await this.#patch(metadata.name!, { metadata: { finalizers: [finalizer] } });
  }

  async #removeFinalizer({ metadata }: ReadCidr): Promise<void> {
    if (!metadata.finalizers?.includes(finalizer)) return;
    await this.#patch(metadata.name!, { metadata: { '$deleteFromPrimitiveList/finalizers': [finalizer] } });
  }

  async #patch(name: string, patch: object): Promise<void> {
    try {
      await this.#base.client.resource<ServiceCIDR>('servicecidrs.networking.k8s.io').patch(name, 'strategic', patch);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #setReady(cidr: ReadCidr, status: 'True' | 'False', reason: string, message: string): Promise<void> {
    const current = cidr.status?.conditions?.find(({ type }) => type === 'Ready');
    if (current?.status === status && (current.reason ?? '') === reason && current.message === message) return;
    const lastTransitionTime = rfc3339(this.#clock.now());
    const applied = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'ServiceCIDR',
      metadata: { name: cidr.metadata.name! },
      status: { conditions: [{ type: 'Ready', status, reason, message, lastTransitionTime }] },
    };
    await this.#base.client
      .resource<ServiceCIDR>('servicecidrs.networking.k8s.io')
      .apply(applied as unknown as ServiceCIDR, { fieldManager: names.name, force: true, subresource: 'status' });
  }
}

function isManaged(address: ReadAddress): boolean {
  return address.metadata.labels?.[managedByLabel] === allocator;
}

function rangesOf(cidr: ReadCidr): Cidr[] {
  return (cidr.spec?.cidrs ?? []).flatMap((text) => parseCidr(text) ?? []);
}

function holds(outer: Cidr, inner: Cidr): boolean {
  return (
    outer.family === inner.family &&
    outer.prefix <= inner.prefix &&
    cidrContains(outer, numberToIp(inner.base, inner.family))
  );
}

/** An address that a service may have: not the one that names the network, nor the broadcast address. */
function usable(range: Cidr, ip: string): boolean {
  if (!cidrContains(range, ip)) return false;
  const number = ipToNumber(ip)!;
  if (number === range.base) return false;
  return range.family === 'IPv6' || number !== range.base + cidrSize(range) - 1n;
}
