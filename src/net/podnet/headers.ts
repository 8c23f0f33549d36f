/**
 * Headers of packets, byte by byte. A field that `varies` is another one in each packet, or on each machine: its bytes
 * here are an example. Formats: RFC 791 (IP), 768 (UDP), 9293 and 7323 (TCP), 792 (ICMP), 7348 (VXLAN), Ethernet II.
 */
import { ipToNumber } from '../addresses.ts';

export interface HeaderField {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** As people write it. */
  readonly value: string;
  /** Why it is not always this. */
  readonly varies?: string;
}

export interface Header {
  readonly name: string;
  readonly fields: readonly HeaderField[];
}

export const headerSize = ({ fields }: Header): number => fields.reduce((sum, { bytes }) => sum + bytes.length, 0);

export function frameBytes(headers: readonly Header[]): Uint8Array {
  return Buffer.concat(headers.flatMap(({ fields }) => fields.map(({ bytes }) => bytes)));
}

/** For each byte of the frame, whether it is the same in every such packet. */
export function fixedBytes(headers: readonly Header[]): boolean[] {
  return headers.flatMap(({ fields }) =>
    fields.flatMap(({ bytes, varies }) => Array<boolean>(bytes.length).fill(varies === undefined)),
  );
}

function number(value: number, size: number): Uint8Array {
  const out = Buffer.alloc(size);
  out.writeUIntBE(value, 0, size);
  return out;
}

const macBytes = (mac: string): Uint8Array => Buffer.from(mac.replaceAll(':', ''), 'hex');
const ipBytes = (ip: string): Uint8Array => number(Number(ipToNumber(ip)!), 4);

function field(name: string, bytes: Uint8Array, value: string, varies?: string): HeaderField {
  return { name, bytes, value, ...(varies !== undefined && { varies }) };
}

export function ethernet(name: string, destination: string, source: string): Header {
  return {
    name,
    fields: [
      field('destination', macBytes(destination), destination),
      field('source', macBytes(source), source),
      field('type', number(0x0800, 2), 'IPv4'),
    ],
  };
}

export type InnerProtocol = 'tcp' | 'udp' | 'icmp';
const protocolNumbers = { icmp: 1, tcp: 6, udp: 17 } as const;

export interface Ipv4Spec {
  readonly source: string;
  readonly destination: string;
  readonly ttl: number;
  readonly dontFragment: boolean;
  readonly protocol: InnerProtocol;
  /** Bytes of header and all it carries. */
  readonly length: number;
}

/** The checksum is of these bytes; it varies as the identification does. */
export function ipv4(name: string, spec: Ipv4Spec): Header {
  const { source, destination, ttl, dontFragment, protocol, length } = spec;
  const head = Buffer.concat([
    Uint8Array.of(0x45, 0),
    number(length, 2),
    Uint8Array.of(0, 0, dontFragment ? 0x40 : 0, 0, ttl, protocolNumbers[protocol], 0, 0),
    ipBytes(source),
    ipBytes(destination),
  ]);
  const checksum = internetChecksum(head);
  return {
    name,
    fields: [
      field('version, header length', Uint8Array.of(0x45), '4, 5 words of 4 bytes'),
      field('DSCP, ECN', Uint8Array.of(0), '0'),
      field('total length', number(length, 2), `${length} bytes`),
      field('identification', number(0, 2), '0', 'counts up, to tell fragments apart'),
      field(
        'flags, fragment offset',
        number(dontFragment ? 0x4000 : 0, 2),
        dontFragment ? "don't fragment" : 'may be fragmented',
      ),
      field('time to live', Uint8Array.of(ttl), String(ttl)),
      field('protocol', Uint8Array.of(protocolNumbers[protocol]), protocol.toUpperCase()),
      field(
        'header checksum',
        number(checksum, 2),
        `0x${checksum.toString(16).padStart(4, '0')}`,
        'with the identification',
      ),
      field('source', ipBytes(source), source),
      field('destination', ipBytes(destination), destination),
    ],
  };
}

/** RFC 1071. */
export function internetChecksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

export interface UdpSpec {
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Bytes of header and all it carries. */
  readonly length: number;
  readonly sourcePortVaries?: string;
  /** Default: of the contents, or left to the card. */
  readonly checksum?: 'none';
}

export function udp(name: string, { sourcePort, destinationPort, length, sourcePortVaries }: UdpSpec): Header {
  return {
    name,
    fields: [
      field('source port', number(sourcePort, 2), String(sourcePort), sourcePortVaries),
      field('destination port', number(destinationPort, 2), String(destinationPort)),
      field('length', number(length, 2), `${length} bytes`),
      field('checksum', number(0, 2), 'of the contents', 'with the contents; a card may fill it in'),
    ],
  };
}

/** A segment with timestamps, as Linux sends them: 32 bytes. */
export function tcp(name: string, sourcePort: number, destinationPort: number): Header {
  return {
    name,
    fields: [
      field('source port', number(sourcePort, 2), String(sourcePort)),
      field('destination port', number(destinationPort, 2), String(destinationPort)),
      field('sequence number', number(1, 4), '1', 'where in the stream this is'),
      field('acknowledgment number', number(1, 4), '1', 'what has come of the other stream'),
      field('data offset', Uint8Array.of(0x80), '8 words of 4 bytes'),
      field('flags', Uint8Array.of(0x18), 'PSH, ACK'),
      field('window', number(64, 2), '64', 'how much more may be sent'),
      field('checksum', number(0, 2), 'of the contents', 'with the contents; a card may fill it in'),
      field('urgent pointer', number(0, 2), '0'),
      field('options: NOP, NOP, timestamps', Uint8Array.of(1, 1, 8, 10), '10 bytes'),
      field('timestamp', number(0, 4), '0', 'the sender’s clock'),
      field('timestamp echo', number(0, 4), '0', 'the other’s clock'),
    ],
  };
}

export function icmpEcho(name: string): Header {
  return {
    name,
    fields: [
      field('type, code', Uint8Array.of(8, 0), 'echo request'),
      field('checksum', number(0, 2), 'of the contents', 'with the contents'),
      field('identifier', number(0, 2), '0', 'of the program that asks'),
      field('sequence number', number(1, 2), '1', 'counts up'),
    ],
  };
}

export function vxlan(name: string, vni: number): Header {
  return {
    name,
    fields: [
      field('flags', Uint8Array.of(0x08), 'I: the VNI is valid'),
      field('reserved', Uint8Array.of(0, 0, 0), '0'),
      field('VNI', number(vni, 3), String(vni)),
      field('reserved', Uint8Array.of(0), '0'),
    ],
  };
}

export function payload(size: number): Header {
  return {
    name: 'data',
    fields: size > 0 ? [field('data', Buffer.alloc(size), `${size} bytes`, 'what the pods say to each other')] : [],
  };
}

/** Header bytes of the protocol, without IP's. */
export const transportSize: Readonly<Record<InnerProtocol, number>> = { tcp: 32, udp: 8, icmp: 8 };
