/** Which addresses of the node serve node ports. Upstream: pkg/proxy/util/nodeport_addresses.go (1.36). */
import { type Cidr, cidrContains, familyOf, type IpFamily, parseCidr } from '../net/index.ts';
import type { NodeView } from './service-ports.ts';

const loopbackOf = { IPv4: '127.0.0.1', IPv6: '::1' } as const;

export const isLoopback = (ip: string): boolean => ip === '::1' || ip.startsWith('127.');

/** The node's own address in a family: the first of its kind, loopback when it has none. */
export function primaryAddress(node: NodeView, family: IpFamily): string {
  return node.ips.find((ip) => familyOf(ip) === family) ?? loopbackOf[family];
}

/**
 * The ranges of `--nodeport-addresses` that count in one family. Undefined: every address serves, because no range of
 * the family is given or one of them holds all addresses. `primary` stands for the node's own address.
 */
export function nodePortRanges(
  given: readonly string[] | undefined,
  family: IpFamily,
  node: NodeView,
): readonly string[] | undefined {
  const primary = primaryAddress(node, family);
  const ranges = (given ?? []).map((text) =>
    text === 'primary' ? `${primary}/${family === 'IPv4' ? 32 : 128}` : text,
  );
  const cidrs = ranges.map(parseCidr);
  const ours = ranges.filter((_, i) => cidrs[i]?.family === family);
  return ours.length === 0 || cidrs.some((cidr) => cidr?.family === family && cidr.prefix === 0) ? undefined : ours;
}

/** Node ports answer on loopback when no range is given, or one of them reaches it. */
export function reachesLoopback(ranges: readonly string[] | undefined): boolean {
  const loopback = parseCidr('127.0.0.0/8')!;
  return (
    ranges === undefined ||
    ranges.map(parseCidr).some((cidr) => cidr && (cidrContains(cidr, '127.0.0.0') || holds(loopback, cidr)))
  );
}

const holds = (outer: Cidr, inner: Cidr): boolean =>
  outer.family === inner.family && outer.prefix <= inner.prefix && outer.base >> 24n === inner.base >> 24n;

/** Addresses of one family that the ranges choose among those of the node and loopback, sorted, each once. */
export function nodePortAddressesOf(
  ranges: readonly string[] | undefined,
  family: IpFamily,
  node: NodeView,
): readonly string[] {
  const cidrs = ranges?.map(parseCidr);
  const own = [...node.ips, loopbackOf[family]].filter((ip) => familyOf(ip) === family);
  const chosen = own.filter((ip) => !cidrs || cidrs.some((cidr) => cidr && cidrContains(cidr, ip)));
  return [...new Set(chosen)].sort();
}
