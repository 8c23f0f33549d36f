/** A mode's rules as something a packet can be sent through, hook by hook. */
import {
  type Branch,
  dumpKind,
  type HostPortRules,
  IptablesWalk,
  type ListedTable,
  NftWalk,
  parseIptablesSave,
  parseNftRuleset,
  type SavedTable,
} from '../../net/index.ts';
import type { ResolvedProxyConfig } from '../config.ts';
import { iptablesRules } from '../iptables/rules.ts';
import { ipvsRules } from '../ipvs/rules.ts';
import type { ProxyMode } from '../modes.ts';
import { nftablesRules } from '../nftables/rules.ts';
import type { ServicePort } from '../service-ports.ts';
import { IpSetIndex } from './ip-sets.ts';
import { type VirtualServerTable, virtualServerTable } from './virtual-servers.ts';

export type Hook = 'PREROUTING' | 'INPUT' | 'FORWARD' | 'OUTPUT' | 'POSTROUTING';

/** What rules ask of the node they stand on. */
export interface TraceWorld {
  isLocal(ip: string): boolean;
  /** Whether client affinity already leads this source to the endpoint a list or set is named after. */
  remembers(list: string, source: string): boolean;
  masqueradeAddress(destination: string): string;
}

export interface RuleEngine {
  /** Rules, and elements of sets and maps, that the node holds. */
  readonly size: number;
  run(branches: readonly Branch[], hook: Hook): Branch[];
  /** Addresses the mode itself adds to the node (kube-ipvs0). */
  readonly ownAddresses: ReadonlySet<string>;
  /** Translations made outside the rules (IPVS): after INPUT, or after nat OUTPUT. */
  readonly servers?: VirtualServerTable;
}

const none: ReadonlySet<string> = new Set();

/** Tables at each hook, in the kernel's order; those that a node does not have are passed by. */
const iptablesHooks = {
  PREROUTING: ['raw', 'mangle', 'nat'],
  INPUT: ['mangle', 'filter', 'security', 'nat'],
  FORWARD: ['mangle', 'filter', 'security'],
  OUTPUT: ['raw', 'mangle', 'nat', 'filter', 'security'],
  POSTROUTING: ['mangle', 'nat'],
} as const;

/** `hostPorts`: what the pod network's portmap made, where pods have host ports. */
type MakeEngine = (
  ports: readonly ServicePort[],
  config: ResolvedProxyConfig,
  world: TraceWorld,
  hostPorts?: HostPortRules,
) => RuleEngine;

/** One line a mode, as in modes.ts. */
export const engines: Readonly<Partial<Record<ProxyMode, MakeEngine>>> = {
  iptables(ports, config, world, hostPorts) {
    const rules = iptablesRules(ports, config);
    const walk = new IptablesWalk(
      [rules.nat, rules.filter, ...tablesOf(hostPorts)],
      [...rules.jumps, ...jumpsOf(hostPorts)],
      { ...bound(world), recent: world.remembers },
    );
    return {
      size: walk.size,
      ownAddresses: none,
      run: (branches, hook) => throughTables(walk, branches, hook),
    };
  },
  nftables(ports, config, world, hostPorts) {
    const walk = new NftWalk(nftablesRules(ports, config), bound(world));
    if (!hostPorts) {
      return { size: walk.size, ownAddresses: none, run: (branches, hook) => walk.run(branches, lower(hook)) };
    }
    // portmap keeps to iptables. What kube-proxy's table has translated goes to no address of the node any more.
    const cni = new IptablesWalk(tablesOf(hostPorts), jumpsOf(hostPorts), { ...bound(world), recent: world.remembers });
    return {
      size: walk.size + cni.size,
      ownAddresses: none,
      run: (branches, hook) => cni.run(walk.run(branches, lower(hook)), 'nat', hook),
    };
  },
  ipvs(ports, config, world, hostPorts) {
    const rules = ipvsRules(ports, config);
    const sets = new IpSetIndex(rules.sets);
    const own = new Set(rules.addresses);
    const walk = new IptablesWalk(
      [rules.nat, rules.filter, ...tablesOf(hostPorts)],
      [...rules.jumps, ...jumpsOf(hostPorts)],
      {
        isLocal: (ip) => own.has(ip) || world.isLocal(ip),
        masqueradeAddress: world.masqueradeAddress,
        recent: world.remembers,
        inSet: (set, directions, packet) => sets.has(set, directions, packet),
      },
    );
    const servers = virtualServerTable(rules.virtualServers, world);
    return {
      size: walk.size + sets.size + servers.size,
      ownAddresses: own,
      servers,
      run(branches, hook) {
        let here = [...branches];
        for (const table of iptablesHooks[hook]) {
          here = walk.run(here, table, hook);
          // IPVS sits behind the filter of what comes in, and right behind nat for what the node itself sends.
          if ((hook === 'INPUT' && table === 'filter') || (hook === 'OUTPUT' && table === 'nat'))
            here = servers.run(here, hook);
        }
        return here;
      },
    };
  },
};

/** The rules a real node has, pasted. */
export type RuleDump =
  | { readonly mode: 'iptables'; readonly tables: readonly SavedTable[] }
  | { readonly mode: 'nftables'; readonly tables: readonly ListedTable[] };

/** What `iptables-save` or `nft list ruleset` printed. @throws DumpError with the line, when it is neither. */
export function parseRuleDump(text: string): RuleDump {
  if (dumpKind(text) !== 'nft') return { mode: 'iptables', tables: parseIptablesSave(text) };
  return { mode: 'nftables', tables: parseNftRuleset(text) };
}

/** The engine of a node whose rules are given rather than made. */
export function dumpEngine(dump: RuleDump, world: TraceWorld): RuleEngine {
  if (dump.mode === 'nftables') {
    const walk = new NftWalk(dump.tables, bound(world));
    return { size: walk.size, ownAddresses: none, run: (branches, hook) => walk.run(branches, lower(hook)) };
  }
  const walk = new IptablesWalk(dump.tables, [], { ...bound(world), recent: world.remembers });
  return { size: walk.size, ownAddresses: none, run: (branches, hook) => throughTables(walk, branches, hook) };
}

const lower = (hook: Hook) => hook.toLowerCase() as Lowercase<Hook>;

const throughTables = (walk: IptablesWalk, branches: readonly Branch[], hook: Hook): Branch[] =>
  iptablesHooks[hook].reduce<Branch[]>((here, table) => walk.run(here, table, hook), [...branches]);

/** portmap appends to PREROUTING and OUTPUT: kube-proxy's rules, at their head, are asked first. */
const tablesOf = (hostPorts: HostPortRules | undefined) => (hostPorts ? [hostPorts.nat] : []);

const jumpsOf = (hostPorts: HostPortRules | undefined) => hostPorts?.jumps ?? [];

const bound = ({ isLocal, remembers, masqueradeAddress }: TraceWorld) => ({ isLocal, remembers, masqueradeAddress });
