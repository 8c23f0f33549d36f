/** Allocation of addresses from a CIDR. Upstream: pkg/registry/core/service/ipallocator (its bitmap form). */
import { type Cidr, cidrContains, cidrSize, ipToNumber, numberToIp } from './addresses.ts';

export type AllocationError = 'NotInRange' | 'AlreadyAllocated' | 'Full';

/** Bitmap of the addresses of one CIDR. Network address and (IPv4) broadcast address are never given out. */
export class IpAllocator {
  readonly cidr: Cidr;
  readonly #used = new Set<number>();
  readonly #first: number;
  readonly #count: number;
  #next = 0;

  constructor(cidr: Cidr) {
    this.cidr = cidr;
    const size = cidrSize(cidr);
    const reservedEnd = cidr.family === 'IPv4' && size > 2n ? 1n : 0n;
    const reservedStart = size > 2n ? 1n : 0n;
    this.#first = Number(reservedStart);
    const usable = size - reservedStart - reservedEnd;
    this.#count = usable > 2n ** 31n ? 2 ** 31 : Number(usable);
  }

  get free(): number {
    return this.#count - this.#used.size;
  }

  #offset(ip: string): number | undefined {
    if (!cidrContains(this.cidr, ip)) return undefined;
    const offset = ipToNumber(ip)! - this.cidr.base - BigInt(this.#first);
    return offset >= 0n && offset < BigInt(this.#count) ? Number(offset) : undefined;
  }

  #ip(offset: number): string {
    return numberToIp(this.cidr.base + BigInt(this.#first + offset), this.cidr.family);
  }

  /** Takes a given address; returns why it cannot be had. */
  allocate(ip: string): AllocationError | undefined {
    const offset = this.#offset(ip);
    if (offset === undefined) return 'NotInRange';
    if (this.#used.has(offset)) return 'AlreadyAllocated';
    this.#used.add(offset);
    return undefined;
  }

  /** Takes the next free address, in order, wrapping around. Undefined when there is none. */
  allocateNext(): string | undefined {
    if (this.free === 0) return undefined;
    while (this.#used.has(this.#next)) this.#next = (this.#next + 1) % this.#count;
    const offset = this.#next;
    this.#used.add(offset);
    this.#next = (offset + 1) % this.#count;
    return this.#ip(offset);
  }

  release(ip: string): void {
    const offset = this.#offset(ip);
    if (offset !== undefined) this.#used.delete(offset);
  }

  has(ip: string): boolean {
    const offset = this.#offset(ip);
    return offset !== undefined && this.#used.has(offset);
  }
}

/** The `index`-th subnet of `prefix` bits of a CIDR, e.g. a node's pod range; undefined when there are not so many. */
export function subnet(cidr: Cidr, prefix: number, index: number): Cidr | undefined {
  if (prefix < cidr.prefix || prefix > cidr.bits) return undefined;
  const count = 1n << BigInt(prefix - cidr.prefix);
  if (BigInt(index) >= count) return undefined;
  return { ...cidr, prefix, base: cidr.base + BigInt(index) * (1n << BigInt(cidr.bits - prefix)) };
}
