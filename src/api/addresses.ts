/**
 * IP addresses and CIDRs as fields: what 1.36 takes, strict for new values (gate StrictIPCIDRValidation, on by default).
 * Upstream: apimachinery/pkg/util/validation/ip.go.
 */
import { isIPv4, isIPv6 } from 'node:net';

export interface Address {
  readonly family: 4 | 6;
  /** Value of 32 or 128 bits. */
  readonly bits: bigint;
  /** Written with leading zeros, or as IPv4 in IPv6. */
  readonly leadingZeros: boolean;
  readonly mapped: boolean;
}

export interface Cidr {
  readonly address: Address;
  readonly length: number;
  readonly leadingZeros: boolean;
}

const mappedPrefix = 0xffffn << 32n;

function ipv4Bits(text: string): bigint {
  return text.split('.').reduce((bits, octet) => (bits << 8n) | BigInt(Number(octet)), 0n);
}

function ipv6Bits(text: string): bigint {
  let source = text;
  const lastColon = source.lastIndexOf(':');
  const tail = source.slice(lastColon + 1);
  if (tail.includes('.')) {
    const bits = ipv4Bits(tail);
    source = `${source.slice(0, lastColon + 1)}${(bits >> 16n).toString(16)}:${(bits & 0xffffn).toString(16)}`;
  }
  const [head = '', rest] = source.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = rest === undefined || rest === '' ? [] : rest.split(':');
  const zeros = rest === undefined ? [] : Array<string>(8 - left.length - right.length).fill('0');
  return [...left, ...zeros, ...right].reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n);
}

/** As Go's sloppy parser reads it: decimal with leading zeros is fine. undefined when it is no address. */
export function parseAddress(text: string): Address | undefined {
  if (/^\d{1,}(\.\d+){3}$/.test(text)) {
    const plain = text.replace(/\b0+(?=\d)/g, '');
    if (!isIPv4(plain)) return undefined;
    return { family: 4, bits: ipv4Bits(plain), leadingZeros: plain !== text, mapped: false };
  }
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const bits = ipv6Bits(text);
  const mapped = bits >> 32n === 0xffffn;
  return mapped
    ? { family: 4, bits: bits ^ mappedPrefix, leadingZeros: false, mapped: true }
    : { family: 6, bits, leadingZeros: false, mapped: false };
}

/** RFC 5952 form. */
function formatBits(bits: bigint, family: 4 | 6): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => String((bits >> shift) & 255n)).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => ((bits >> BigInt(112 - 16 * index)) & 0xffffn).toString(16));
  let [best, bestLength] = [-1, 1];
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && groups[end] === '0') end++;
    if (end - start > bestLength) [best, bestLength] = [start, end - start];
  }
  if (best < 0) return groups.join(':');
  return `${groups.slice(0, best).join(':')}::${groups.slice(best + bestLength).join(':')}`;
}

export const formatAddress = (address: Address): string => formatBits(address.bits, address.family);

const notAnAddress = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
const notACidr = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

/** Fields from before the canonical form was asked for. */
export function isLegacyIp(text: string): string[] {
  const address = parseAddress(text);
  if (address === undefined) return [notAnAddress];
  if (address.leadingZeros) return ['must not have leading 0s'];
  return address.mapped ? ['must not be an IPv4-mapped IPv6 address'] : [];
}

/** New fields take the canonical form only. */
export function isStrictIp(text: string): string[] {
  const messages = isLegacyIp(text);
  if (messages.length > 0) return messages;
  const canonical = formatAddress(parseAddress(text)!);
  return canonical === text ? [] : [`must be in canonical form (${JSON.stringify(canonical)})`];
}

export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/');
  const length = text.slice(slash + 1);
  const address = slash < 0 ? undefined : parseAddress(text.slice(0, slash));
  if (address === undefined || !/^\d+$/.test(length)) return undefined;
  const limit = address.family === 4 && !address.mapped ? 32 : 128;
  if (Number(length) > limit) return undefined;
  const leadingZeros = address.leadingZeros || (length.length > 1 && length.startsWith('0'));
  return { address, length: Number(length), leadingZeros };
}

const width = (cidr: Cidr): number => (cidr.address.family === 4 ? 32 : 128);
const hostBits = (cidr: Cidr): bigint => BigInt(Math.max(0, width(cidr) - cidr.length));
const network = (cidr: Cidr): bigint => (cidr.address.bits >> hostBits(cidr)) << hostBits(cidr);

export const formatCidr = (cidr: Cidr): string => `${formatBits(network(cidr), cidr.address.family)}/${cidr.length}`;

export function isLegacyCidr(text: string): string[] {
  const cidr = parseCidr(text);
  if (cidr === undefined) return [notACidr];
  if (cidr.leadingZeros) return ['must not have leading 0s in IP or prefix length'];
  if (cidr.address.mapped) return ['must not have an IPv4-mapped IPv6 address'];
  return network(cidr) === cidr.address.bits ? [] : ['must not have bits set beyond the prefix length'];
}

export function isStrictCidr(text: string): string[] {
  const messages = isLegacyCidr(text);
  if (messages.length > 0) return messages;
  const canonical = formatCidr(parseCidr(text)!);
  return canonical === text ? [] : [`must be in canonical form (${JSON.stringify(canonical)})`];
}

/** `inner` lies in `outer` and is smaller. */
export function isStrictSubset(inner: Cidr, outer: Cidr): boolean {
  if (inner.address.family !== outer.address.family || inner.length <= outer.length) return false;
  return inner.address.bits >> hostBits(outer) === outer.address.bits >> hostBits(outer);
}

/** `addr: non-standard IP address …` for Warning headers; empty when it is as it should be. */
export function ipWarning(place: string, text: string): string[] {
  const address = parseAddress(text);
  if (address === undefined) return [];
  const canonical = formatAddress(address);
  if (address.leadingZeros || address.mapped) {
    return [`${place}: non-standard IP address ${quote(text)} is invalid: use ${quote(canonical)}`];
  }
  if (address.family === 4 || canonical === text) return [];
  return [`${place}: IPv6 address ${quote(text)} should be in RFC 5952 canonical format (${quote(canonical)})`];
}

export function cidrWarnings(place: string, text: string): string[] {
  const cidr = parseCidr(text);
  if (cidr === undefined) return [];
  const warnings: string[] = [];
  const canonical = formatCidr(cidr);
  if (network(cidr) !== cidr.address.bits) {
    const single = `${formatAddress(cidr.address)}/${width(cidr)}`;
    warnings.push(
      `${place}: CIDR value ${quote(text)} is ambiguous in this context (should be ${quote(canonical)} or ${quote(single)}?)`,
    );
  }
  if (cidr.leadingZeros || cidr.address.mapped) {
    warnings.push(`${place}: non-standard CIDR value ${quote(text)} is invalid: use ${quote(canonical)}`);
  } else if (warnings.length === 0 && cidr.address.family === 6 && canonical !== text) {
    warnings.push(
      `${place}: IPv6 CIDR value ${quote(text)} should be in RFC 5952 canonical format (${quote(canonical)})`,
    );
  }
  return warnings;
}

const quote = (text: string): string => JSON.stringify(text);
