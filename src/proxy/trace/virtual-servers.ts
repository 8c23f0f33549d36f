/**
 * What IPVS does with a packet that came as far as its hook: one lookup finds the virtual server, its scheduler names a
 * real server. Semantics: Linux net/netfilter/ipvs (ip_vs_in at LOCAL_IN and LOCAL_OUT).
 */
import { type Branch, joinHostPort, withStep } from '../../net/index.ts';
import type { VirtualServer } from '../ipvs/rules.ts';
import type { Hook, TraceWorld } from './engines.ts';

export interface VirtualServerTable {
  readonly size: number;
  run(branches: readonly Branch[], hook: Hook): Branch[];
}

/** What TraceWorld.remembers calls IPVS's memory that a client of a virtual server goes to a real server. */
export const persistenceOf = (server: string, realServer: string): string => `${server}>${realServer}`;

/** Over many connections every scheduler that kube-proxy offers spreads evenly over real servers of equal weight. */
const scheduled: Readonly<Record<string, string>> = {
  rr: 'takes the real servers in turn',
  wrr: 'takes the real servers in turn, by weight',
  lc: 'takes the one with the fewest connections',
  wlc: 'takes the one with the fewest connections for its weight',
  sh: 'takes one by the hash of the source',
  dh: 'takes one by the hash of the destination',
  sed: 'takes the one that would answer soonest',
  nq: 'takes an idle one, else the one that would answer soonest',
  mh: 'takes one by maglev hashing of the source',
};

export function virtualServerTable(servers: readonly VirtualServer[], world: TraceWorld): VirtualServerTable {
  const key = (protocol: string, ip: string, port: number) => `${protocol.toLowerCase()} ${ip} ${port}`;
  const byAddress = new Map(servers.map((server) => [key(server.protocol, server.address, server.port), server]));

  const enter = (branch: Branch, hook: Hook): Branch[] => {
    const { packet } = branch;
    if (branch.verdict !== undefined || packet.state !== 'NEW') return [branch];
    const here = { ...branch, tried: branch.tried + 1 };
    const server = byAddress.get(key(packet.protocol, packet.destination, packet.destinationPort));
    if (!server) return [here];
    const from = joinHostPort(server.address, server.port);
    const rule = `${server.protocol} ${from} ${server.scheduler}${server.persistentSeconds === undefined ? '' : ` persistent ${server.persistentSeconds}`}`;
    const step = { hook, table: 'ipvs', rule, matched: true } as const;
    if (server.realServers.length === 0) {
      const why = 'the virtual server has no real server: the sender is told port unreachable';
      return [withStep(here, { ...step, why }, { verdict: 'reject' })];
    }
    const persistent = server.persistentSeconds === undefined ? [] : server.realServers;
    const remembered = persistent.filter(({ ip, port }) =>
      world.remembers(persistenceOf(from, joinHostPort(ip, port)), packet.source),
    );
    const among = remembered.length > 0 ? remembered : server.realServers;
    const how =
      remembered.length > 0
        ? 'the client is remembered (persistence)'
        : `scheduler ${server.scheduler} ${scheduled[server.scheduler] ?? 'chooses'}`;
    return among.map(({ ip, port }) => {
      const odds = 1 / among.length;
      const to = joinHostPort(ip, port);
      const told = { ...step, why: `${how}: ${to}`, odds, translation: { kind: 'DNAT', from, to } as const };
      const changed = { ...packet, destination: ip, destinationPort: port, translated: true };
      return withStep(here, told, { packet: changed, odds: here.odds * odds });
    });
  };
  return { size: servers.length, run: (branches, hook) => branches.flatMap((branch) => enter(branch, hook)) };
}
