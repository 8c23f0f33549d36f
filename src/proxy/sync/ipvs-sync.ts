/**
 * Partial syncs of ipvs mode: the ipset entries, virtual servers and addresses that changed; the iptables rules only when a
 * set becomes empty or gets its first entry. Upstream: pkg/proxy/ipvs/proxier.go syncProxyRules (1.36).
 */
import { cidrContains, type Jump, joinHostPort, parseCidr, tableText } from '../../net/index.ts';
import type { ResolvedProxyConfig } from '../config.ts';
import { type IpSet, type IpvsPiece, ipvsFrame, ipvsPiece, type VirtualServer } from '../ipvs/rules.ts';
import { createSet, realServer, serverOptions, virtualServer } from '../ipvs/script.ts';
import { ElementBook, type ElementChange } from './element-book.ts';
import { OrderedPieces, type PieceChange } from './ordered-pieces.ts';
import type { RuleSync } from './rule-sync.ts';
import type { ServiceChanges } from './service-tracker.ts';
import { type LoadStep, type RuleTransaction, step } from './transaction.ts';

interface Piece {
  /** By `SET entry`. */
  readonly entries: ReadonlyMap<string, string>;
  /** By service address, as ipvsadm names it: `-t 10.96.0.1:443`. */
  readonly servers: ReadonlyMap<string, VirtualServer>;
  readonly addresses: ReadonlyMap<string, string>;
  readonly noNodeAccess: IpvsPiece['noNodeAccess'];
}

const same = (a: string, b: string) => a === b;
/** All that can differ between two virtual servers of one address. */
const text = (server: VirtualServer) =>
  `${server.scheduler} ${server.persistentSeconds} ${server.realServers.map(realServer).join(' ')}`;

export class IpvsSync implements RuleSync {
  readonly config: ResolvedProxyConfig;
  readonly jumps: readonly Jump[];
  readonly sets: readonly IpSet[];
  readonly #pieces = new OrderedPieces<Piece>();
  readonly #entries = new ElementBook<string>(same);
  readonly #servers = new ElementBook<VirtualServer>((a, b) => text(a) === text(b));
  readonly #addresses = new ElementBook<string>(same);
  readonly #counts = new Map<string, number>();
  #tables: string;

  constructor(config: ResolvedProxyConfig) {
    this.config = config;
    const empty = ipvsFrame({ virtualServers: [], entries: new Map(), addresses: new Set(), noNodeAccess: [] }, config);
    this.jumps = empty.jumps;
    this.sets = empty.sets;
    this.#tables = `${tableText(empty.nat)}\n${tableText(empty.filter)}`;
  }

  #piece(piece: IpvsPiece): Piece {
    const entries = new Map<string, string>();
    for (const [set, values] of piece.entries) for (const value of values) entries.set(`${set} ${value}`, value);
    for (const address of piece.addresses) entries.set(`KUBE-IPVS-IPS ${address}`, address);
    const servers = new Map<string, VirtualServer>();
    for (const server of piece.virtualServers) {
      const name = virtualServer(server);
      if (!servers.has(name)) servers.set(name, server);
    }
    const addresses = new Map([...piece.addresses].map((address) => [address, address]));
    return { entries, servers, addresses, noNodeAccess: piece.noNodeAccess };
  }

  update(changes: ServiceChanges): RuleTransaction {
    const changed = this.#pieces.update(changes, (port) => this.#piece(ipvsPiece(port, this.config)));
    const book = <T>(of: (piece: Piece) => ReadonlyMap<string, T>) =>
      changed.map((change: PieceChange<Piece>) => ({
        owner: change.key,
        old: change.old ? of(change.old) : new Map<string, T>(),
        new: change.new ? of(change.new) : new Map<string, T>(),
      }));
    const entries = this.#entries.update(book((piece) => piece.entries));
    const servers = this.#servers.update(book((piece) => piece.servers));
    const addresses = this.#addresses.update(book((piece) => piece.addresses));
    const before = this.#tables;
    this.#retable(entries, changed);
    const turned = [servers, addresses, entries].map((list) =>
      (list as ElementChange<unknown>[]).map(({ key, old, new: next }) => ({ key, old: next, new: old })),
    ) as [typeof servers, typeof addresses, typeof entries];
    return {
      steps: this.#steps(servers, addresses, entries, before === this.#tables ? undefined : this.#tables),
      undo: this.#steps(turned[0], turned[1], turned[2], before === this.#tables ? undefined : before),
    };
  }

  /** Which sets have entries, and who may not reach his own load balancer, decide over the iptables rules. */
  #retable(entries: readonly ElementChange<string>[], changed: readonly PieceChange<Piece>[]): void {
    let turned = changed.some(
      (change) => (change.old?.noNodeAccess.length ?? 0) > 0 || (change.new?.noNodeAccess.length ?? 0) > 0,
    );
    for (const { key, old } of entries) {
      const set = key.slice(0, key.indexOf(' '));
      const count = (this.#counts.get(set) ?? 0) + (old === undefined ? 1 : -1);
      if (count === 0 || (old === undefined && count === 1)) turned = true;
      this.#counts.set(set, count);
    }
    if (!turned) return;
    const filled = [...this.#counts].filter(([, count]) => count > 0);
    const { nat, filter } = ipvsFrame(
      {
        virtualServers: [],
        entries: new Map(filled.map(([set]) => [set, new Set(['entry'])])),
        addresses: new Set(),
        noNodeAccess: this.#pieces.order.flatMap((key) => this.#pieces.get(key)!.noNodeAccess),
      },
      this.config,
    );
    this.#tables = `${tableText(nat)}\n${tableText(filter)}`;
  }

  #steps(
    servers: readonly ElementChange<VirtualServer>[],
    addresses: readonly ElementChange<string>[],
    entries: readonly ElementChange<string>[],
    tables: string | undefined,
  ): LoadStep[] {
    const prefix = this.config.family === 'IPv4' ? 32 : 128;
    const setLine = (verb: string, key: string) => {
      const at = key.indexOf(' ');
      return `${verb} ${this.#setName(key.slice(0, at))} ${key.slice(at + 1)} -exist`;
    };
    return [
      ...step(
        'ip',
        addresses.flatMap((change) =>
          change.new === undefined ? [] : [`addr replace ${change.key}/${prefix} dev kube-ipvs0`],
        ),
      ),
      ...step('ipset', [
        ...entries.flatMap((change) => (change.new === undefined ? [setLine('del', change.key)] : [])),
        ...entries.flatMap((change) => (change.new === undefined ? [] : [setLine('add', change.key)])),
      ]),
      ...step('ipvsadm', servers.flatMap(serverLines)),
      ...(tables === undefined ? [] : step('iptables-restore', [tables])),
      ...step(
        'ip',
        addresses.flatMap((change) =>
          change.new === undefined ? [`addr del ${change.key}/${prefix} dev kube-ipvs0`] : [],
        ),
      ),
    ];
  }

  #setName(name: string): string {
    return this.config.family === 'IPv6' ? name.replace('KUBE-', 'KUBE-6-') : name;
  }

  /**
   * Everything, over what stands: sets are flushed, virtual servers are made anew. `standing` is what `ipvsadm -S -n`
   * printed: then those in excluded ranges stay.
   */
  full(standing?: string): RuleTransaction {
    const bySet = new Map<string, string[]>();
    for (const key of this.#entries.standing.keys()) {
      const at = key.indexOf(' ');
      const name = this.#setName(key.slice(0, at));
      const lines = bySet.get(name);
      const line = `add ${name} ${key.slice(at + 1)} -exist`;
      if (lines) lines.push(line);
      else bySet.set(name, [line]);
    }
    const prefix = this.config.family === 'IPv4' ? 32 : 128;
    const servers = [...this.#servers.standing.values()];
    return {
      steps: [
        ...step(
          'ip',
          [...this.#addresses.standing.keys()].map((address) => `addr replace ${address}/${prefix} dev kube-ipvs0`),
        ),
        ...step(
          'ipset',
          this.sets.flatMap((set) => [
            createSet(set, this.config),
            `flush ${set.name}`,
            ...(bySet.get(set.name) ?? []),
          ]),
        ),
        ...step('ipvsadm', [
          ...(standing === undefined ? ['-C'] : removals(standing, this.config.ipvsExcludeCIDRs)),
          ...servers.flatMap((server) => serverLines({ key: '', old: undefined, new: server })),
        ]),
        ...step('iptables-restore', [this.#tables]),
      ],
      undo: [],
    };
  }
}

/** Lines that delete every virtual server but those of the excluded ranges. */
function removals(standing: string, excluded: readonly string[]): string[] {
  const ranges = excluded.flatMap((range) => parseCidr(range) ?? []);
  const served = standing.matchAll(/^-A (-t|-u|--sctp-service) (?:\[([^\]]+)\]|([\d.]+)):(\d+) /gm);
  return [...served].flatMap(([, protocol, six, four = six!, port]) => {
    if (ranges.some((range) => cidrContains(range, four))) return [];
    return [`-D ${protocol} ${joinHostPort(four, Number(port))}`];
  });
}

/** Lines for `ipvsadm -R`: the server, then those behind it that came and went. */
function serverLines(change: ElementChange<VirtualServer>): string[] {
  const { old, new: next } = change;
  const frontend = virtualServer((next ?? old)!);
  if (!next) return [`-D ${frontend}`];
  const options = ` ${serverOptions(next)}`;
  const now = new Set(next.realServers.map(realServer));
  const was = new Set(old?.realServers.map(realServer) ?? []);
  const edited = old && (old.scheduler !== next.scheduler || old.persistentSeconds !== next.persistentSeconds);
  return [
    ...(old ? (edited ? [`-E ${frontend}${options}`] : []) : [`-A ${frontend}${options}`]),
    ...[...was].filter((real) => !now.has(real)).map((real) => `-d ${frontend} -r ${real}`),
    ...[...now].filter((real) => !was.has(real)).map((real) => `-a ${frontend} -r ${real} -m -w 1`),
  ];
}
