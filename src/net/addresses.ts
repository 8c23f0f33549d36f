/** IP addresses and CIDRs of both families, as numbers where arithmetic is needed. */
import ipaddr from 'ipaddr.js';

export type IpFamily = 'IPv4' | 'IPv6';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Strict: four decimal octets without leading zeros, or any IPv6 form. Undefined when `text` is no address. */
function parse(text: string): Address | undefined {
  if (text.includes(':')) {
    if (text.includes('%') || !ipaddr.IPv6.isValid(text)) return undefined;
    return ipaddr.IPv6.parse(text);
  }
  return ipaddr.IPv4.isValidFourPartDecimal(text) && !/(^|\.)0\d/.test(text) ? ipaddr.IPv4.parse(text) : undefined;
}

export function isIp(text: string): boolean {
  return parse(text) !== undefined;
}

export function familyOf(ip: string): IpFamily | undefined {
  const address = parse(ip);
  return address && (address.kind() === 'ipv4' ? 'IPv4' : 'IPv6');
}

/** Family of an address or CIDR. */
export function familyOfCidr(cidr: string): IpFamily | undefined {
  return familyOf(cidr.split('/')[0]!);
}

/** Canonical text: lower case, zeros compressed as Go's net.IP prints. */
export function canonicalIp(ip: string): string {
  return parse(ip)?.toString() ?? ip;
}

export interface Cidr {
  readonly family: IpFamily;
  /** First address as a number. */
  readonly base: bigint;
  readonly prefix: number;
  /** Bits of the family: 32 or 128. */
  readonly bits: number;
}

export function ipToNumber(ip: string): bigint | undefined {
  const address = parse(ip);
  if (!address) return undefined;
  let value = 0n;
  for (const byte of address.toByteArray()) value = (value << 8n) | BigInt(byte);
  return value;
}

export function numberToIp(value: bigint, family: IpFamily): string {
  const bytes: number[] = [];
  for (let shift = family === 'IPv4' ? 24n : 120n; shift >= 0n; shift -= 8n)
    bytes.push(Number((value >> shift) & 0xffn));
  return ipaddr.fromByteArray(bytes).toString();
}

/** Undefined when `text` is no CIDR. Host bits are cleared. */
export function parseCidr(text: string): Cidr | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  if (!match) return undefined;
  const number = ipToNumber(match[1]!);
  const family = familyOf(match[1]!);
  if (number === undefined || !family) return undefined;
  const bits = family === 'IPv4' ? 32 : 128;
  const prefix = Number(match[2]);
  if (prefix > bits) return undefined;
  const host = (1n << BigInt(bits - prefix)) - 1n;
  return { family, base: number & ~host, prefix, bits };
}

export function formatCidr(cidr: Cidr): string {
  return `${numberToIp(cidr.base, cidr.family)}/${cidr.prefix}`;
}

/** Addresses in the CIDR. */
export function cidrSize(cidr: Cidr): bigint {
  return 1n << BigInt(cidr.bits - cidr.prefix);
}

export function cidrContains(cidr: Cidr, ip: string): boolean {
  const number = ipToNumber(ip);
  if (number === undefined || familyOf(ip) !== cidr.family) return false;
  return number >= cidr.base && number < cidr.base + cidrSize(cidr);
}

/** `10.0.0.1:80`, `[fd00::1]:80`. */
export function joinHostPort(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}
