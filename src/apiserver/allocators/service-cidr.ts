import { formatIpAddress, type IpAddress, parseIpAddress, parseIpCidr } from '../../api/index.ts';
import type { Prng } from '../../base/index.ts';
import { staticBand } from './number-range.ts';

export type IpFamily = 'IPv4' | 'IPv6';

/** Upstream: shortest allowed prefix length for service CIDR is 64. */
const shortestIpv6Prefix = 64;

export function ipFamilyOf(ip: string): IpFamily {
  return ip.includes(':') ? 'IPv6' : 'IPv4';
}

/** As Go prints it: what IPAddress objects are named. Undefined when it is no address. */
export function canonicalAddress(ip: string): string | undefined {
  const address = parseIpAddress(ip);
  return address && formatIpAddress(address);
}

/**
 * The addresses of one CIDR without its network and (IPv4) broadcast address, and the order they are tried in: which of
 * them are taken is what the IPAddress objects say. Upstream: pkg/registry/core/service/ipallocator/ipallocator.go.
 */
export class ServiceCidrRange {
  /** Canonical. */
  readonly cidr: string;
  readonly family: IpFamily;
  /** The address that names the network; a dry run answers with it. */
  readonly network: string;
  readonly #first: bigint;
  /** Below lies the band that people choose from; it is handed out last. */
  readonly #offset: bigint;
  readonly #last: bigint;

  /** Throws an Error for what is no CIDR, or an IPv6 one of more than 2^64 addresses. */
  constructor(text: string) {
    const parsed = parseIpCidr(text);
    if (!parsed) throw new Error(`${JSON.stringify(text)} is not a CIDR`);
    const { address, length } = parsed;
    const version = address.family;
    if (version === 6 && length < shortestIpv6Prefix) {
      throw new Error(`shortest allowed prefix length for service CIDR is ${shortestIpv6Prefix}, got ${length}`);
    }
    const hostBits = BigInt((version === 4 ? 32 : 128) - length);
    const network = (address.bits >> hostBits) << hostBits;
    const total = 1n << hostBits;
    this.family = version === 4 ? 'IPv4' : 'IPv6';
    this.network = this.#text(network);
    this.cidr = `${this.network}/${length}`;
    this.#first = network + 1n;
    this.#last = network + total - (version === 4 ? 2n : 1n);
    const band = staticBand(total > 1n << 32n ? 2 ** 32 : Number(total), { min: 16, max: 256, step: 16 });
    this.#offset = this.#first + BigInt(band);
  }

  /** That of the `kubernetes` service when this is the primary range. */
  get first(): string {
    return this.#text(this.#first);
  }

  /** True for addresses that a service may have. */
  contains(ip: string): boolean {
    const address = parseIpAddress(ip);
    if (!address || (address.family === 4) !== (this.family === 'IPv4')) return false;
    return address.bits >= this.#first && address.bits <= this.#last;
  }

  /** Every address once: from a random place above the static band around, then the same in the band. */
  *candidates(prng: Prng): Generator<string, void, void> {
    yield* this.#around(this.#offset, this.#last, prng);
    yield* this.#around(this.#first, this.#offset - 1n, prng);
  }

  *#around(from: bigint, to: bigint, prng: Prng): Generator<string, void, void> {
    if (to < from) return;
    const start = from + randomBelow(to - from + 1n, prng);
    for (let at = start; at <= to; at++) yield this.#text(at);
    for (let at = from; at < start; at++) yield this.#text(at);
  }

  #text(bits: bigint): string {
    const address: IpAddress = { family: this.family === 'IPv4' ? 4 : 6, bits, leadingZeros: false, mapped: false };
    return formatIpAddress(address);
  }
}

function randomBelow(count: bigint, prng: Prng): bigint {
  if (count <= 0xffff_ffffn) return BigInt(prng.int(Number(count)));
  return ((BigInt(prng.int(2 ** 32)) << 32n) | BigInt(prng.int(2 ** 32))) % count;
}
