import type { Prng } from '../../base/index.ts';
import { NumberRange, staticBand } from './number-range.ts';

export const ipAllocated = 'provided IP is already allocated';
export const rangeFull = 'range is full';
/** What an address outside every ServiceCIDR is refused with since services may have several. */
export const ipMismatched = 'the provided network does not match the current range';

/** IPv4 addresses of one CIDR without its network and broadcast address. Upstream: pkg/registry/core/service/ipallocator. */
export class IpRange {
  readonly cidr: string;
  readonly #first: number;
  readonly #numbers: NumberRange;

  /** Throws an Error for what is no IPv4 CIDR of at least /30. */
  constructor(cidr: string, prng: Prng) {
    const match = /^(\d+\.\d+\.\d+\.\d+)\/(\d+)$/.exec(cidr);
    const address = match ? parseIpv4(match[1]!) : undefined;
    const bits = Number(match?.[2]);
    if (address === undefined || !(bits >= 8 && bits <= 30)) {
      throw new Error(`specified --service-cluster-ip-range ${JSON.stringify(cidr)} is not an IPv4 CIDR of /8 to /30`);
    }
    const size = 2 ** (32 - bits);
    const network = Math.floor(address / size) * size;
    this.cidr = `${formatIpv4(network)}/${bits}`;
    this.#first = network + 1;
    this.#numbers = new NumberRange(size - 2, staticBand(size, { min: 16, max: 256, step: 16 }), prng);
  }

  /** The first address: that of the `kubernetes` service. */
  get first(): string {
    return formatIpv4(this.#first);
  }

  /** Undefined when it is reserved now, else why not. */
  allocate(ip: string): string | undefined {
    const number = this.#numberOf(ip);
    if (number === undefined) return ipMismatched;
    return this.#numbers.allocate(number) ? undefined : ipAllocated;
  }

  /** Undefined: the range is full. */
  allocateNext(): string | undefined {
    const number = this.#numbers.allocateNext();
    return number === undefined ? undefined : formatIpv4(this.#first + number);
  }

  release(ip: string): void {
    const number = this.#numberOf(ip);
    if (number !== undefined) this.#numbers.release(number);
  }

  clear(): void {
    this.#numbers.clear();
  }

  #numberOf(ip: string): number | undefined {
    const address = parseIpv4(ip);
    if (address === undefined) return undefined;
    const number = address - this.#first;
    return number >= 0 && number < this.#numbers.size ? number : undefined;
  }
}

export function parseIpv4(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

function formatIpv4(value: number): string {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join('.');
}
