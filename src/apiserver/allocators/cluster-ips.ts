import { isAlreadyExists, type KubeObject } from '../../apimachinery/index.ts';
import type { Prng } from '../../base/index.ts';
import type { ObjectReader } from '../types.ts';
import type { IpAddressWriter } from './ip-address-objects.ts';
import { canonicalAddress, type IpFamily, ipFamilyOf, ServiceCidrRange } from './service-cidr.ts';

export const rangeFull = 'range is full';
const alreadyAllocated = 'provided IP is already allocated';
const mismatched = 'the provided network does not match the current range';
const notReady = 'allocator not ready';

export const serviceCidrs = 'servicecidrs.networking.k8s.io';
export const ipAddresses = 'ipaddresses.networking.k8s.io';
export const defaultServiceCidrName = 'kubernetes';

/** Why an address cannot be had, in upstream's words. */
export class AllocationError extends Error {
  override readonly name = 'AllocationError';
  get full(): boolean {
    return this.message === rangeFull;
  }
}

/** Which service an address is for. */
export interface ServiceName {
  readonly namespace: string;
  readonly name: string;
}

interface RangeState {
  readonly range: ServiceCidrRange;
  ready: boolean;
}

interface Reservation {
  readonly ip: string;
  /** Resolves when it is stored. */
  readonly stored: Promise<void>;
}

/**
 * Cluster IPs of one family, out of every ServiceCIDR that is ready. An address is taken by creating the IPAddress object
 * of its name, which only one can do; nothing else remembers it. Upstream: ipallocator's MetaAllocator and Allocator.
 */
export class ClusterIps {
  readonly family: IpFamily;
  readonly #reader: ObjectReader;
  readonly #writer: IpAddressWriter;
  readonly #prng: Prng;
  /** The range of `--service-cluster-ip-range`. */
  readonly #configured: ServiceCidrRange;
  #ranges: readonly RangeState[] = [];
  #version = -1;

  constructor(
    deps: { readonly reader: ObjectReader; readonly writer: IpAddressWriter; readonly prng: Prng },
    configured: ServiceCidrRange,
  ) {
    this.family = configured.family;
    this.#reader = deps.reader;
    this.#writer = deps.writer;
    this.#prng = deps.prng;
    this.#configured = configured;
  }

  /** @throws AllocationError */
  async allocate(ip: string, service: ServiceName): Promise<string> {
    const reservation = this.reserve(ip, service);
    await reservation.stored;
    return reservation.ip;
  }

  /** As `allocate`, without waiting for the store: `stored` says whether it was to be had. @throws AllocationError */
  reserve(ip: string, service: ServiceName): Reservation {
    const name = canonicalAddress(ip) ?? ip;
    if (!this.#current().some(({ range, ready }) => ready && range.contains(name)))
      throw new AllocationError(mismatched);
    return { ip: name, stored: this.#create(name, service) };
  }

  /** @throws AllocationError */
  async allocateNext(service: ServiceName): Promise<string> {
    for (const { range, ready } of this.#current()) {
      if (!ready) continue;
      for (const ip of range.candidates(this.#prng)) {
        if (this.#reader.get(ipAddresses, '', ip)) continue;
        try {
          await this.#create(ip, service);
          return ip;
        } catch (error) {
          // Somebody was faster than the cache.
          if (!(error instanceof AllocationError)) throw error;
        }
      }
    }
    throw new AllocationError(rangeFull);
  }

  /**
   * What a dry run answers: nothing is taken, so without a wish (empty `ip`) it is the range's own address, as upstream.
   * @throws AllocationError
   */
  dryRun(ip: string): string {
    const [first] = this.#current();
    if (!first?.ready) throw new AllocationError(notReady);
    if (ip === '') return first.range.network;
    const name = canonicalAddress(ip) ?? ip;
    if (first.range.contains(name)) return ip;
    throw new AllocationError(
      `the provided IP (${name}) is not in the valid range. The range of valid IPs is ${first.range.cidr}`,
    );
  }

  async release(ip: string): Promise<void> {
    const name = canonicalAddress(ip) ?? ip;
    if (this.#current().some(({ range }) => range.contains(name))) await this.#writer.delete(name);
  }

  /** False for addresses outside every ServiceCIDR, whatever its state. */
  covers(ip: string): boolean {
    return this.#current().some(({ range }) => range.contains(ip));
  }

  async #create(ip: string, service: ServiceName): Promise<void> {
    try {
      await this.#writer.create(newIpAddress(ip, service));
    } catch (error) {
      throw isAlreadyExists(error) ? new AllocationError(alreadyAllocated) : error;
    }
  }

  /** The configured range first, then by text: upstream takes them in no order at all. */
  #current(): readonly RangeState[] {
    const version = this.#reader.version?.(serviceCidrs) ?? Number.NaN;
    if (version === this.#version) return this.#ranges;
    const byCidr = new Map<string, RangeState>();
    const add = (text: string, ready: boolean): void => {
      const known = byCidr.get(text);
      if (known) known.ready ||= ready;
      else byCidr.set(text, { range: new ServiceCidrRange(text), ready });
    };
    const objects = this.#reader.list(serviceCidrs);
    // Made by this server at boot, and again ten seconds after somebody deleted it: no service waits for that.
    const own = objects.find(({ metadata }) => metadata.name === defaultServiceCidrName);
    if (!own || (own['status']?.conditions ?? []).length === 0) add(this.#configured.cidr, true);
    for (const object of objects) {
      const ready = isReady(object) && object.metadata.deletionTimestamp === undefined;
      for (const cidr of (object['spec']?.cidrs ?? []) as string[]) {
        if (ipFamilyOf(cidr) === this.family) add(cidr, ready);
      }
    }
    const rank = ({ range }: RangeState) => (range.cidr === this.#configured.cidr ? '' : range.cidr);
    this.#ranges = [...byCidr.values()].sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
    this.#version = version;
    return this.#ranges;
  }
}

function isReady(cidr: Readonly<KubeObject>): boolean {
  const conditions: { type: string; status: string }[] = cidr['status']?.conditions ?? [];
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
}

export const familyLabel = 'ipaddress.kubernetes.io/ip-family';
export const managedByLabel = 'ipaddress.kubernetes.io/managed-by';
export const allocatorName = 'ipallocator.k8s.io';

export function newIpAddress(ip: string, { namespace, name }: ServiceName): KubeObject {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IPAddress',
    metadata: { name: ip, labels: { [familyLabel]: ipFamilyOf(ip), [managedByLabel]: allocatorName } },
    spec: { parentRef: { resource: 'services', namespace, name } },
  };
}
