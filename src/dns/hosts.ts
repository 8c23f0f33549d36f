/** Names from a list of addresses. Upstream: plugin/hosts (coredns 1.13). */
import { familyOf } from '../net/index.ts';
import { fallsThrough, type HostsSettings, zoneOf } from './corefile/settings.ts';
import type { DnsRecord } from './records.ts';
import { reverseToIp } from './reverse.ts';

export class HostsTable {
  readonly #settings: HostsSettings;
  readonly #addresses = new Map<string, string[]>();
  readonly #names = new Map<string, string[]>();

  constructor(settings: HostsSettings) {
    this.#settings = settings;
    const add = (map: Map<string, string[]>, key: string, value: string) => {
      const held = map.get(key);
      if (!held) map.set(key, [value]);
      else if (!held.includes(value)) held.push(value);
    };
    for (const { ip, names } of settings.entries) {
      for (const name of names) {
        add(this.#addresses, name, ip);
        if (!settings.noReverse) add(this.#names, ip, name);
      }
    }
  }

  /** `next`: not its name. `failure`: its zone, no such name, and nobody else is to be asked. */
  query(name: string, type: string): readonly DnsRecord[] | 'next' | 'failure' {
    const { zones, ttl, fallthrough } = this.#settings;
    // Reverse names need not be among the zones.
    if (type === 'PTR') {
      const names = this.#names.get(reverseToIp(name) ?? '') ?? [];
      return names.length === 0 ? 'next' : names.map((target) => ({ type: 'PTR', name, ttl, target }));
    }
    if (zoneOf(name, zones) === undefined) return 'next';
    const addresses = this.#addresses.get(name);
    if (!addresses) return fallsThrough(name, fallthrough) ? 'next' : 'failure';
    if (type !== 'A' && type !== 'AAAA') return [];
    const family = type === 'A' ? 'IPv4' : 'IPv6';
    return addresses.filter((ip) => familyOf(ip) === family).map((address) => ({ type, name, ttl, address }));
  }
}
