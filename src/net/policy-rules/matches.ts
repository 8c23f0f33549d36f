/** A NetworkPolicy's ports and blocks of addresses in the words of nft(8). */
import type { NetworkPolicyPeer, NetworkPolicyPort } from '../../api/index.ts';
import { type Cidr, cidrSize, formatCidr, type IpFamily, numberToIp, parseCidr } from '../addresses.ts';

export const families = ['IPv4', 'IPv6'] as const satisfies readonly IpFamily[];
export const word = (family: IpFamily): 'ip' | 'ip6' => (family === 'IPv4' ? 'ip' : 'ip6');

const protocols = ['TCP', 'UDP', 'SCTP'] as const;
const highestPort = 65_535;

/**
 * What ports by number allow, one match a protocol: `meta l4proto udp`, `tcp dport { 80, 8000-8100 }`. A range that ends
 * before it begins allows nothing. Ports by name are not in it.
 */
export function numberedPorts(ports: readonly NetworkPolicyPort[]): string[] {
  return protocols.flatMap((protocol) => {
    const own = ports.filter((port) => (port.protocol ?? 'TCP') === protocol && typeof port.port !== 'string');
    if (own.length === 0) return [];
    const lower = protocol.toLowerCase();
    if (own.some(({ port }) => port === undefined)) return [`meta l4proto ${lower}`];
    const ranges = own
      .map(({ port, endPort }) => [Number(port), endPort ?? Number(port)] as const)
      .filter(([low, high]) => low <= high && low >= 0 && low <= highestPort);
    return ranges.length === 0 ? [] : [`${lower} dport ${braced(merged(ranges))}`];
  });
}

/** nft refuses intervals that overlap, and lists neighbours of a set with intervals as one. */
function merged(ranges: readonly (readonly [number, number])[]): string[] {
  const whole = ranges.some(([low, high]) => low !== high);
  const out: [number, number][] = [];
  for (const [low, end] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const high = Math.min(end, highestPort);
    const last = out.at(-1);
    if (last && low <= last[1] + (whole ? 1 : 0)) last[1] = Math.max(last[1], high);
    else out.push([low, high]);
  }
  return out.map(([low, high]) => (low === high ? String(low) : `${low}-${high}`));
}

const braced = (values: readonly string[]): string => (values.length === 1 ? values[0]! : `{ ${values.join(', ')} }`);

/** `ip saddr 10.0.0.0/8 ip saddr != { 10.1.0.0/16, 10.2.0.0/16 }`; undefined when nothing is left of the block. */
export function blockMatch(block: NonNullable<NetworkPolicyPeer['ipBlock']>, field: 'saddr' | 'daddr') {
  const cidr = parseCidr(block.cidr);
  if (!cidr) return undefined;
  const holes = outermost((block.except ?? []).flatMap((text) => parseCidr(text) ?? []).filter(sameFamily(cidr)));
  if (holes.some((hole) => within(cidr, hole))) return undefined;
  const address = `${word(cidr.family)} ${field}`;
  const inside = holes.filter((hole) => within(hole, cidr));
  const but = inside.length === 0 ? [] : [`${address} != ${braced(inside.map(cidrText))}`];
  // nft takes no /0; a match of the field alone already says which family.
  if (cidr.prefix > 0) return [`${address} ${cidrText(cidr)}`, ...but].join(' ');
  return but[0] ?? `meta nfproto ${cidr.family === 'IPv4' ? 'ipv4' : 'ipv6'}`;
}

/** nft lists a single address without its prefix. */
const cidrText = (cidr: Cidr): string =>
  cidr.prefix === cidr.bits ? numberToIp(cidr.base, cidr.family) : formatCidr(cidr);

const sameFamily =
  ({ family }: Cidr) =>
  (other: Cidr): boolean =>
    other.family === family;

const within = (inner: Cidr, outer: Cidr): boolean =>
  inner.base >= outer.base && inner.base + cidrSize(inner) <= outer.base + cidrSize(outer);

/** Ranges by prefix lie in one another or apart; those that lie in others say nothing. */
function outermost(cidrs: readonly Cidr[]): Cidr[] {
  const sorted = [...cidrs].sort((a, b) => (a.base === b.base ? a.prefix - b.prefix : a.base < b.base ? -1 : 1));
  const out: Cidr[] = [];
  for (const cidr of sorted) if (out.length === 0 || !within(cidr, out.at(-1)!)) out.push(cidr);
  return out;
}
