/** IP addresses and networks. Upstream: apiserver/pkg/cel/library/{ip,cidr}.go, Go net/netip. */
import type { FunctionTable } from '../functions.ts';
import { CelFailure, OpaqueValue, type Value } from '../values.ts';

class AddressError extends Error {}

function parse4(text: string): Uint8Array | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (!match) return undefined;
  const bytes = match.slice(1).map(Number);
  // A leading zero may mean octal to others: netip refuses it.
  if (match.slice(1).some((part) => part.length > 1 && part.startsWith('0'))) return undefined;
  return bytes.some((byte) => byte > 255) ? undefined : Uint8Array.from(bytes);
}

function parse6(text: string): Uint8Array | undefined {
  let body = text;
  const tail = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (tail) {
    const four = parse4(tail[2]!);
    if (!four) return undefined;
    body = `${tail[1]}${((four[0]! << 8) | four[1]!).toString(16)}:${((four[2]! << 8) | four[3]!).toString(16)}`;
  }
  const halves = body.split('::');
  if (halves.length > 2) return undefined;
  const words = (half: string): string[] => (half === '' ? [] : half.split(':'));
  const [head, rest] = [words(halves[0]!), words(halves[1] ?? '')];
  const count = head.length + rest.length;
  if (halves.length === 1 ? count !== 8 : count > 7) return undefined;
  const all = [...head, ...Array<string>(8 - count).fill('0'), ...rest];
  if (!all.every((word) => /^[0-9a-fA-F]{1,4}$/.test(word))) return undefined;
  return Uint8Array.from(all.flatMap((word) => [Number.parseInt(word, 16) >> 8, Number.parseInt(word, 16) & 255]));
}

function is4In6(bytes: Uint8Array): boolean {
  return bytes.length === 16 && bytes.subarray(0, 10).every((b) => b === 0) && bytes[10] === 255 && bytes[11] === 255;
}

function text6(bytes: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_none, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!);
  let [start, length] = [-1, 1];
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && words[end] === 0) end++;
    if (end - i > length) [start, length] = [i, end - i];
  }
  const hex = (part: readonly number[]): string => part.map((word) => word.toString(16)).join(':');
  return start < 0 ? hex(words) : `${hex(words.slice(0, start))}::${hex(words.slice(start + length))}`;
}

export class IpValue extends OpaqueValue {
  readonly typeName = 'net.IP';
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    super();
    this.bytes = bytes;
  }

  equals(other: Value): boolean {
    return other instanceof IpValue && Buffer.compare(this.bytes, other.bytes) === 0;
  }

  /** Upstream: apiserver/pkg/cel/ip.go Size: bytes of the address. */
  override size(): number {
    return this.bytes.length;
  }

  override toString(): string {
    return this.bytes.length === 4 ? this.bytes.join('.') : text6(this.bytes);
  }
}

export class CidrValue extends OpaqueValue {
  readonly typeName = 'net.CIDR';
  readonly bytes: Uint8Array;
  readonly bits: number;

  constructor(bytes: Uint8Array, bits: number) {
    super();
    this.bytes = bytes;
    this.bits = bits;
  }

  equals(other: Value): boolean {
    return other instanceof CidrValue && this.bits === other.bits && Buffer.compare(this.bytes, other.bytes) === 0;
  }

  /** Upstream: apiserver/pkg/cel/cidr.go Size: bytes of the address, rounded up from bits. */
  override size(): number {
    return Math.ceil(this.bits / 8);
  }

  override toString(): string {
    return `${new IpValue(this.bytes)}/${this.bits}`;
  }
}

function readAddress(text: string): Uint8Array {
  const zone = text.indexOf('%');
  const bytes = parse4(text) ?? parse6(zone < 0 ? text : text.slice(0, zone));
  if (!bytes) {
    const why = text.includes('.') || text.includes(':') ? '' : ': unable to parse IP';
    throw new AddressError(
      `IP Address ${JSON.stringify(text)} parse error during conversion from string: ParseAddr(${JSON.stringify(text)})${why}`,
    );
  }
  if (zone >= 0) throw new AddressError(`IP address ${JSON.stringify(text)} with zone value is not allowed`);
  if (is4In6(bytes)) throw new AddressError(`IPv4-mapped IPv6 address ${JSON.stringify(text)} is not allowed`);
  return bytes;
}

function readNetwork(text: string): CidrValue {
  const slash = text.lastIndexOf('/');
  const prefix = 'network address parse error during conversion from string: ';
  const quoted = JSON.stringify(text);
  if (slash < 0) throw new AddressError(`${prefix}${prefix}netip.ParsePrefix(${quoted}): no '/'`);
  const address = text.slice(0, slash);
  const bytes = parse4(address) ?? parse6(address);
  if (!bytes) throw new AddressError(`${prefix}${prefix}netip.ParsePrefix(${quoted}): unable to parse IP`);
  if (is4In6(bytes)) throw new AddressError(`${prefix}IPv4-mapped IPv6 address ${JSON.stringify(text)} is not allowed`);
  const bits = text.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(bits)) {
    throw new AddressError(
      `${prefix}${prefix}netip.ParsePrefix(${quoted}): bad bits after slash: ${JSON.stringify(bits)}`,
    );
  }
  if (Number(bits) > bytes.length * 8) {
    throw new AddressError(`${prefix}${prefix}netip.ParsePrefix(${quoted}): prefix length out of range`);
  }
  return new CidrValue(bytes, Number(bits));
}

function masked(network: CidrValue): CidrValue {
  const bytes = network.bytes.map((byte, i) => {
    const keep = Math.max(0, Math.min(8, network.bits - i * 8));
    return byte & ((0xff << (8 - keep)) & 0xff);
  });
  return new CidrValue(bytes, network.bits);
}

function contains(network: CidrValue, bytes: Uint8Array): boolean {
  return network.bytes.length === bytes.length && masked(network).equals(masked(new CidrValue(bytes, network.bits)));
}

/** What `run` gives, or the failure its AddressError stands for. */
function reading(run: () => Value): Value {
  try {
    return run();
  } catch (error) {
    if (error instanceof AddressError) return new CelFailure(error.message);
    throw error;
  }
}

function isReadable(run: () => unknown): boolean {
  try {
    run();
    return true;
  } catch (error) {
    if (error instanceof AddressError) return false;
    throw error;
  }
}

const isLoopback = ({ bytes }: IpValue): boolean =>
  bytes.length === 4 ? bytes[0] === 127 : bytes.every((byte, i) => byte === (i === 15 ? 1 : 0));
const isUnspecified = ({ bytes }: IpValue): boolean => bytes.every((byte) => byte === 0);
const isMulticast = ({ bytes }: IpValue): boolean => (bytes.length === 4 ? bytes[0]! >> 4 === 0xe : bytes[0] === 0xff);
const isLinkLocal = ({ bytes }: IpValue): boolean =>
  bytes.length === 4 ? bytes[0] === 169 && bytes[1] === 254 : bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80;
const isLinkLocalMulticast = ({ bytes }: IpValue): boolean =>
  bytes.length === 4
    ? bytes[0] === 224 && bytes[1] === 0 && bytes[2] === 0
    : bytes[0] === 0xff && (bytes[1]! & 0x0f) === 0x02;
const isGlobalUnicast = (ip: IpValue): boolean =>
  !isUnspecified(ip) &&
  !isLoopback(ip) &&
  !isMulticast(ip) &&
  !isLinkLocal(ip) &&
  !(ip.bytes.length === 4 && ip.bytes.every((byte) => byte === 255));

export function addAddressFunctions(table: FunctionTable): void {
  table.add('ip', 'string_to_ip', '(string): ip', (text: string) => reading(() => new IpValue(readAddress(text))));
  table.add('isIP', 'is_ip', '(string): bool', (text: string) => isReadable(() => readAddress(text)));
  table.add('ip.isCanonical', 'ip_is_canonical', '(string): bool', (text: string) =>
    reading(() => String(new IpValue(readAddress(text))) === text),
  );
  table.add('family', 'ip_family', 'ip.(): int', (ip: IpValue) => (ip.bytes.length === 4 ? 4n : 6n));
  table.add('isUnspecified', 'ip_is_unspecified', 'ip.(): bool', isUnspecified);
  table.add('isLoopback', 'ip_is_loopback', 'ip.(): bool', isLoopback);
  table.add('isLinkLocalMulticast', 'ip_is_link_local_multicast', 'ip.(): bool', isLinkLocalMulticast);
  table.add('isLinkLocalUnicast', 'ip_is_link_local_unicast', 'ip.(): bool', isLinkLocal);
  table.add('isGlobalUnicast', 'ip_is_global_unicast', 'ip.(): bool', isGlobalUnicast);
  table.add('cidr', 'string_to_cidr', '(string): cidr', (text: string) => reading(() => readNetwork(text)));
  table.add('isCIDR', 'is_cidr', '(string): bool', (text: string) => isReadable(() => readNetwork(text)));
  table.add('containsIP', 'cidr_contains_ip_string', 'cidr.(string): bool', (network: CidrValue, text: string) =>
    reading(() => contains(network, readAddress(text))),
  );
  table.add('containsIP', 'cidr_contains_ip_ip', 'cidr.(ip): bool', (network: CidrValue, ip: IpValue) =>
    contains(network, ip.bytes),
  );
  const containsNetwork = (outer: CidrValue, inner: CidrValue): boolean =>
    outer.bits <= inner.bits && contains(outer, inner.bytes);
  table.add('containsCIDR', 'cidr_contains_cidr_string', 'cidr.(string): bool', (network: CidrValue, text: string) =>
    reading(() => containsNetwork(network, readNetwork(text))),
  );
  table.add('containsCIDR', 'cidr_contains_cidr', 'cidr.(cidr): bool', containsNetwork);
  table.add('ip', 'cidr_ip', 'cidr.(): ip', (network: CidrValue) => new IpValue(network.bytes));
  table.add('prefixLength', 'cidr_prefix_length', 'cidr.(): int', (network: CidrValue) => BigInt(network.bits));
  table.add('masked', 'cidr_masked', 'cidr.(): cidr', masked);
}
