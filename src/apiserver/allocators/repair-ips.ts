/** IPAddress objects and the addresses of services, made equal. Upstream: ipallocator/controller/repairip.go (1.36). */
import type { KubeObject } from '../../apimachinery/index.ts';
import { parseTime, Slicer } from '../../base/index.ts';
import type { ServerCore } from '../types.ts';
import {
  allocatorName,
  familyLabel,
  ipAddresses,
  managedByLabel,
  newIpAddress,
  type ServiceName,
} from './cluster-ips.ts';
import type { IpAddressWriter } from './ip-address-objects.ts';
import { RepairEvents } from './repair-events.ts';
import { clusterIpsOf } from './service-allocator.ts';
import { canonicalAddress, ipFamilyOf } from './service-cidr.ts';

/** An address is written before its service: one without a service is a leak only when it is older. */
const creationGraceMs = 60_000;
/** The same for an address that an update of its service adds. */
const updateGraceMs = 5_000;

type ReadObject = Readonly<KubeObject>;
type RepairCore = Pick<ServerCore, 'reader' | 'clock' | 'log' | 'handle'>;

export class IpRepair {
  readonly #core: RepairCore;
  readonly #writer: IpAddressWriter;
  readonly #covers: (ip: string) => boolean;
  readonly #events: RepairEvents;
  /** Milliseconds after which something must be looked at again. */
  #again: number | undefined;

  constructor(core: RepairCore, parts: { readonly writer: IpAddressWriter; covers(ip: string): boolean }) {
    this.#core = core;
    this.#writer = parts.writer;
    this.#covers = parts.covers;
    this.#events = new RepairEvents(core, 'ipallocator-repair-controller');
  }

  /** One look at everything. Resolves with the milliseconds after which it should be repeated, if before its time. */
  async pass(): Promise<number | undefined> {
    const slicer = new Slicer();
    this.#again = undefined;
    for (const service of this.#core.reader.list('services')) {
      if (slicer.due) await slicer.pause();
      for (const ip of clusterIpsOf(service['spec'])) await this.#checkService(service, ip);
    }
    for (const address of this.#core.reader.list(ipAddresses)) {
      if (slicer.due) await slicer.pause();
      if (address.metadata.labels?.[managedByLabel] === allocatorName) await this.#checkAddress(address);
    }
    return this.#again;
  }

  #service({ namespace, name }: ServiceName): ReadObject | undefined {
    return this.#core.reader.get('services', namespace, name);
  }

  async #checkService(service: ReadObject, clusterIp: string): Promise<void> {
    const { namespace = '', name = '' } = service.metadata;
    const warn = (reason: string, note: string, action = 'ClusterIPAllocation') =>
      this.#events.warn(service, { reason, action, note });
    const ip = canonicalAddress(clusterIp);
    if (ip === undefined) {
      const note = `Cluster IP ${clusterIp} is not a valid IP; please recreate Service`;
      return warn('ClusterIPNotValid', note, 'ClusterIPValidation');
    }
    const family = ipFamilyOf(ip);
    if (!this.#covers(ip)) {
      const note = `Cluster IP [${family}]: ${ip} is not within any configured Service CIDR; please recreate service`;
      return warn('ClusterIPOutOfRange', note);
    }
    const address = this.#core.reader.get(ipAddresses, '', ip);
    if (!address) {
      // The service may be gone, or have another address, since this pass began.
      if (!clusterIpsOf(this.#service({ namespace, name })?.['spec'] ?? {}).includes(clusterIp)) return;
      await warn('ClusterIPNotAllocated', `Cluster IP [${family}]: ${ip} is not allocated; repairing`);
      await this.#writer.create(newIpAddress(ip, { namespace, name }));
      return;
    }
    const parent = address['spec']?.parentRef ?? {};
    const wrong = `the ClusterIP [${family}]: ${ip} for Service ${namespace}/${name} has a wrong reference; repairing`;
    if (parent.group || parent.resource !== 'services') {
      await warn('ClusterIPNotAllocated', wrong);
      return this.#recreate(ip, { namespace, name });
    }
    if (parent.namespace !== namespace || parent.name !== name) {
      const other = this.#service(parent);
      if (!other) {
        await warn('ClusterIPNotAllocated', wrong);
        return this.#recreate(ip, { namespace, name });
      }
      if (clusterIpsOf(other['spec']).includes(ip)) {
        const note = `Cluster IP [${family}]:${ip} was assigned to multiple services; please recreate service`;
        await warn('ClusterIPAlreadyAllocated', note);
      }
    }
    const { labels } = address.metadata;
    if (labels?.[familyLabel] !== family || labels?.[managedByLabel] !== allocatorName) {
      await this.#recreate(ip, { namespace, name });
    }
  }

  async #recreate(ip: string, service: ServiceName): Promise<void> {
    await this.#writer.delete(ip);
    await this.#writer.create(newIpAddress(ip, service));
  }

  async #checkAddress(address: ReadObject): Promise<void> {
    const ip = address.metadata.name!;
    const parent = address['spec']?.parentRef ?? {};
    const warn = (reason: string, note: string) =>
      this.#events.warn(address, { reason, action: 'IPAddressAllocation', note });
    if (parent.group || parent.resource !== 'services') {
      const shown = `&ParentReference{Group:${parent.group ?? ''},Resource:${parent.resource ?? ''},Namespace:${parent.namespace ?? ''},Name:${parent.name ?? ''},}`;
      const note = `IPAddress ${ip} appears to have been modified, not referencing a Service ${shown}: cleaning up`;
      await warn('IPAddressNotAllocated', note);
      return this.#writer.delete(ip);
    }
    const created = parseTime(address.metadata.creationTimestamp!);
    const age = this.#core.clock.now() - created;
    const service = this.#service(parent);
    const place = `${parent.namespace}/${parent.name}`;
    if (!service) {
      if (age <= creationGraceMs) return this.#lookAgainAfter(creationGraceMs - age + 1);
      await warn('IPAddressNotAllocated', `IPAddress: ${ip} for Service ${place} appears to have leaked: cleaning up`);
      return this.#writer.delete(ip);
    }
    if ((service['spec']?.clusterIPs ?? []).some((each: string) => canonicalAddress(each) === ip)) return;
    // Between the write of the address and that of the service.
    if (service['spec']?.type === 'ExternalName' && age < creationGraceMs) {
      return this.#lookAgainAfter(creationGraceMs - age);
    }
    if (created > parseTime(service.metadata.creationTimestamp!) && age < updateGraceMs) {
      return this.#lookAgainAfter(updateGraceMs);
    }
    await warn('IPAddressWrongReference', `IPAddress: ${ip} for Service ${place} has a wrong reference; cleaning up`);
    return this.#writer.delete(ip);
  }

  #lookAgainAfter(ms: number): void {
    this.#again = Math.min(this.#again ?? ms, ms);
  }
}
