/** ipsets, looked up as the kernel's `set` match does. Semantics: ipset(8) and iptables-extensions(8) `set`. */
import { cidrContains, parseCidr, type TracedPacket, TraceError } from '../../net/index.ts';
import type { IpSet } from '../ipvs/rules.ts';

export class IpSetIndex {
  readonly #sets: ReadonlyMap<string, { readonly type: IpSet['type']; readonly entries: ReadonlySet<string> }>;
  readonly size: number;

  constructor(sets: readonly IpSet[]) {
    this.#sets = new Map(sets.map(({ name, type, entries }) => [name, { type, entries: new Set(entries) }]));
    this.size = sets.reduce((sum, { entries }) => sum + entries.length, 0);
  }

  /** `directions` says for each part of an entry whether the packet's source or destination is meant. */
  has(name: string, directions: string, packet: TracedPacket): boolean {
    const set = this.#sets.get(name);
    if (!set) throw new TraceError(`a rule asks for set ${name}, which is not there`);
    const side = directions.split(',');
    const ip = (i: number) => (side[i] === 'src' ? packet.source : packet.destination);
    const port = (i: number) => (side[i] === 'src' ? packet.sourcePort : packet.destinationPort);
    const ipPort = () => `${ip(0)},${packet.protocol}:${port(1)}`;
    switch (set.type) {
      case 'hash:ip':
        return set.entries.has(ip(0));
      case 'bitmap:port':
        return set.entries.has(String(port(0)));
      case 'hash:ip,port':
        return set.entries.has(ipPort());
      case 'hash:ip,port,ip':
        return set.entries.has(`${ipPort()},${ip(2)}`);
      case 'hash:ip,port,net': {
        const prefix = `${ipPort()},`;
        for (const entry of set.entries) {
          const cidr = entry.startsWith(prefix) ? parseCidr(entry.slice(prefix.length)) : undefined;
          if (cidr && cidrContains(cidr, ip(2))) return true;
        }
        return false;
      }
    }
  }
}
