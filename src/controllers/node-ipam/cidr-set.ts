/** Subnets of a cluster CIDR, one a node. Upstream: pkg/controller/nodeipam/ipam/cidrset. */
import { assert } from '../../base/index.ts';
import { type Cidr, formatCidr, parseCidr, subnet } from '../../net/index.ts';

export class CidrSet {
  readonly #cidr: Cidr;
  readonly #prefix: number;
  readonly #used = new Set<number>();
  readonly #count: number;
  #next = 0;

  /** `prefix`: size of a node's subnet. */
  constructor(cidr: string, prefix: number) {
    const parsed = parseCidr(cidr);
    assert(parsed, `not a CIDR: ${cidr}`);
    assert(prefix >= parsed.prefix && prefix <= parsed.bits, `a /${prefix} does not fit into ${cidr}`);
    this.#cidr = parsed;
    this.#prefix = prefix;
    this.#count = 2 ** Math.min(30, prefix - parsed.prefix);
  }

  get family(): 'IPv4' | 'IPv6' {
    return this.#cidr.family;
  }

  /** The next free subnet, going round; undefined when all are taken. */
  allocateNext(): string | undefined {
    if (this.#used.size >= this.#count) return undefined;
    while (this.#used.has(this.#next)) this.#next = (this.#next + 1) % this.#count;
    const index = this.#next;
    this.#used.add(index);
    this.#next = (index + 1) % this.#count;
    return formatCidr(subnet(this.#cidr, this.#prefix, index)!);
  }

  /** Marks what a node has; false when it is not one of ours. */
  occupy(cidr: string): boolean {
    const range = this.#range(cidr);
    if (!range) return false;
    for (let i = range[0]; i <= range[1]; i++) this.#used.add(i);
    return true;
  }

  release(cidr: string): void {
    const range = this.#range(cidr);
    if (range) for (let i = range[0]; i <= range[1]; i++) this.#used.delete(i);
  }

  /** Indexes of the subnets that a CIDR covers. */
  #range(text: string): [number, number] | undefined {
    const cidr = parseCidr(text);
    if (!cidr || cidr.family !== this.#cidr.family) return undefined;
    const size = 1n << BigInt(cidr.bits - this.#prefix);
    const end = cidr.base + (1n << BigInt(cidr.bits - cidr.prefix)) - 1n;
    const first = (cidr.base - this.#cidr.base) / size;
    const last = (end - this.#cidr.base) / size;
    if (cidr.base < this.#cidr.base || last >= BigInt(this.#count)) return undefined;
    return [Number(first), Number(last)];
  }
}
