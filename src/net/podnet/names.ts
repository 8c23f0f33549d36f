/** Names and hardware addresses that the real plugins draw by lot, here made from what they belong to. */
import { ipToNumber } from '../addresses.ts';

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return value;
}

const hex = (value: number, digits = 2): string => value.toString(16).padStart(digits, '0');

function macWith(first: number, second: number, rest: number): string {
  const bytes = [first, second, rest >>> 24, (rest >>> 16) & 255, (rest >>> 8) & 255, rest & 255];
  return bytes.map((byte) => hex(byte)).join(':');
}

const number = (ip: string): number => Number(ipToNumber(ip) ?? 0n);

/** As the bridge plugin gave them once: 0a:58 and the address. */
export const podMac = (ip: string): string => macWith(0x0a, 0x58, number(ip));
/** As Docker gives them to its containers, nodes of kind among them. */
export const cardMac = (ip: string): string => macWith(0x02, 0x42, number(ip));
export const vtepMac = (ip: string): string => macWith(0x06, 0x01, hash(`vtep ${ip}`));
export const vethMac = (pod: string): string => macWith(0x06, 0x02, hash(`veth ${pod}`));
/** `veth` and eight hex digits, as ip.RandomVethName. */
export const vethName = (pod: string): string => `veth${hex(hash(pod), 8)}`;
/** The port that the kernel derives from the inner flow (udp_flow_src_port), in the default local port range. */
export const flowPort = (flow: string): number => 32_768 + (hash(flow) % (60_999 - 32_768 + 1));
