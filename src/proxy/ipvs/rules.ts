/**
 * kube-proxy's IPVS mode: virtual servers, ipsets, the dummy device, and a constant number of iptables rules.
 * Upstream: pkg/proxy/ipvs/{proxier,ipset}.go (1.36).
 */
import {
  cidrContains,
  comment,
  type Jump,
  joinHostPort,
  parseCidr,
  type Rule,
  type RuleTable,
} from '../../net/index.ts';
import { masqueradeMark, type ResolvedProxyConfig } from '../config.ts';
import { iptablesLocalMatch } from '../local-traffic.ts';
import { isLoopback, nodePortAddressesOf, primaryAddress } from '../node-addresses.ts';
import type { Endpoint, Protocol, ServicePort } from '../service-ports.ts';
import { categorizeEndpoints } from '../topology.ts';

export interface VirtualServer {
  readonly address: string;
  readonly port: number;
  readonly protocol: Protocol;
  readonly scheduler: string;
  /** ipvsadm's `-b`: Maglev hashes the port with the address. */
  readonly schedulerFlags?: string;
  /** Seconds of client affinity. */
  readonly persistentSeconds: number | undefined;
  readonly realServers: readonly { readonly ip: string; readonly port: number }[];
}

type SetType = 'hash:ip,port,ip' | 'hash:ip,port' | 'hash:ip,port,net' | 'bitmap:port' | 'hash:ip';

export interface IpSet {
  readonly name: string;
  readonly type: SetType;
  readonly comment: string;
  readonly entries: readonly string[];
}

export interface IpvsRules {
  readonly virtualServers: readonly VirtualServer[];
  readonly sets: readonly IpSet[];
  /** Addresses on kube-ipvs0. */
  readonly addresses: readonly string[];
  readonly nat: RuleTable;
  readonly filter: RuleTable;
  readonly jumps: readonly Jump[];
}

const setTable = [
  ['KUBE-LOOP-BACK', 'hash:ip,port,ip', 'Kubernetes endpoints dst ip:port, source ip for solving hairpin purpose'],
  ['KUBE-CLUSTER-IP', 'hash:ip,port', 'Kubernetes service cluster ip + port for masquerade purpose'],
  ['KUBE-EXTERNAL-IP', 'hash:ip,port', 'Kubernetes service external ip + port for masquerade and filter purpose'],
  ['KUBE-EXTERNAL-IP-LOCAL', 'hash:ip,port', 'Kubernetes service external ip + port with externalTrafficPolicy=local'],
  ['KUBE-LOAD-BALANCER', 'hash:ip,port', 'Kubernetes service lb portal'],
  [
    'KUBE-LOAD-BALANCER-FW',
    'hash:ip,port',
    'Kubernetes service load balancer ip + port for load balancer with sourceRange',
  ],
  [
    'KUBE-LOAD-BALANCER-LOCAL',
    'hash:ip,port',
    'Kubernetes service load balancer ip + port with externalTrafficPolicy=local',
  ],
  [
    'KUBE-LOAD-BALANCER-SOURCE-IP',
    'hash:ip,port,ip',
    'Kubernetes service load balancer ip + port + source IP for packet filter purpose',
  ],
  [
    'KUBE-LOAD-BALANCER-SOURCE-CIDR',
    'hash:ip,port,net',
    'Kubernetes service load balancer ip + port + source cidr for packet filter purpose',
  ],
  ['KUBE-NODE-PORT-TCP', 'bitmap:port', 'Kubernetes nodeport TCP port for masquerade purpose'],
  ['KUBE-NODE-PORT-LOCAL-TCP', 'bitmap:port', 'Kubernetes nodeport TCP port with externalTrafficPolicy=local'],
  ['KUBE-NODE-PORT-UDP', 'bitmap:port', 'Kubernetes nodeport UDP port for masquerade purpose'],
  ['KUBE-NODE-PORT-LOCAL-UDP', 'bitmap:port', 'Kubernetes nodeport UDP port with externalTrafficPolicy=local'],
  [
    'KUBE-NODE-PORT-SCTP-HASH',
    'hash:ip,port',
    "Kubernetes nodeport SCTP port for masquerade purpose with type 'hash ip:port'",
  ],
  [
    'KUBE-NODE-PORT-LOCAL-SCTP-HASH',
    'hash:ip,port',
    "Kubernetes nodeport SCTP port with externalTrafficPolicy=local with type 'hash ip:port'",
  ],
  ['KUBE-HEALTH-CHECK-NODE-PORT', 'bitmap:port', 'Kubernetes health check node port'],
  ['KUBE-IPVS-IPS', 'hash:ip', 'Addresses on the ipvs interface'],
] as const satisfies readonly (readonly [string, SetType, string])[];

type SetName = (typeof setTable)[number][0];

const chains = {
  nat: ['KUBE-SERVICES', 'KUBE-POSTROUTING', 'KUBE-NODE-PORT', 'KUBE-LOAD-BALANCER', 'KUBE-MARK-MASQ'],
  filter: [
    'KUBE-FORWARD',
    'KUBE-NODE-PORT',
    'KUBE-PROXY-FIREWALL',
    'KUBE-SOURCE-RANGES-FIREWALL',
    'KUBE-IPVS-FILTER',
    'KUBE-IPVS-OUT-FILTER',
  ],
} as const;

const jumpTable: readonly [Jump['table'], from: string, to: string, comment: string][] = [
  ['nat', 'OUTPUT', 'KUBE-SERVICES', 'kubernetes service portals'],
  ['nat', 'PREROUTING', 'KUBE-SERVICES', 'kubernetes service portals'],
  ['nat', 'POSTROUTING', 'KUBE-POSTROUTING', 'kubernetes postrouting rules'],
  ['filter', 'FORWARD', 'KUBE-FORWARD', 'kubernetes forwarding rules'],
  ['filter', 'INPUT', 'KUBE-NODE-PORT', 'kubernetes health check rules'],
  ['filter', 'INPUT', 'KUBE-PROXY-FIREWALL', 'kube-proxy firewall rules'],
  ['filter', 'FORWARD', 'KUBE-PROXY-FIREWALL', 'kube-proxy firewall rules'],
  ['filter', 'INPUT', 'KUBE-IPVS-FILTER', 'kubernetes ipvs access filter'],
  ['filter', 'OUTPUT', 'KUBE-IPVS-OUT-FILTER', 'kubernetes ipvs access filter'],
];

/** Rules that stand only while their set has entries, in upstream's order. */
const setRules: readonly [
  SetName,
  table: 'nat' | 'filter',
  from: string,
  to: string,
  match: string,
  protocol: string,
][] = [
  ['KUBE-LOOP-BACK', 'nat', 'KUBE-POSTROUTING', 'MASQUERADE', 'dst,dst,src', ''],
  ['KUBE-LOAD-BALANCER', 'nat', 'KUBE-SERVICES', 'KUBE-LOAD-BALANCER', 'dst,dst', ''],
  ['KUBE-LOAD-BALANCER-LOCAL', 'nat', 'KUBE-LOAD-BALANCER', 'RETURN', 'dst,dst', ''],
  ['KUBE-NODE-PORT-LOCAL-TCP', 'nat', 'KUBE-NODE-PORT', 'RETURN', 'dst', 'tcp'],
  ['KUBE-NODE-PORT-TCP', 'nat', 'KUBE-NODE-PORT', 'KUBE-MARK-MASQ', 'dst', 'tcp'],
  ['KUBE-NODE-PORT-LOCAL-UDP', 'nat', 'KUBE-NODE-PORT', 'RETURN', 'dst', 'udp'],
  ['KUBE-NODE-PORT-UDP', 'nat', 'KUBE-NODE-PORT', 'KUBE-MARK-MASQ', 'dst', 'udp'],
  ['KUBE-NODE-PORT-LOCAL-SCTP-HASH', 'nat', 'KUBE-NODE-PORT', 'RETURN', 'dst,dst', 'sctp'],
  ['KUBE-NODE-PORT-SCTP-HASH', 'nat', 'KUBE-NODE-PORT', 'KUBE-MARK-MASQ', 'dst,dst', 'sctp'],
  ['KUBE-LOAD-BALANCER-FW', 'filter', 'KUBE-PROXY-FIREWALL', 'KUBE-SOURCE-RANGES-FIREWALL', 'dst,dst', ''],
  ['KUBE-LOAD-BALANCER-SOURCE-CIDR', 'filter', 'KUBE-SOURCE-RANGES-FIREWALL', 'RETURN', 'dst,dst,src', ''],
  ['KUBE-LOAD-BALANCER-SOURCE-IP', 'filter', 'KUBE-SOURCE-RANGES-FIREWALL', 'RETURN', 'dst,dst,src', ''],
];

/** What one port adds. */
export interface IpvsPiece {
  readonly virtualServers: readonly VirtualServer[];
  /** By name of the set, IPv4's. */
  readonly entries: ReadonlyMap<string, ReadonlySet<string>>;
  readonly addresses: ReadonlySet<string>;
  readonly noNodeAccess: readonly { readonly ip: string; readonly port: number; readonly protocol: string }[];
}

class IpvsSync {
  readonly #config: ResolvedProxyConfig;
  readonly #entries = new Map<SetName, Set<string>>(setTable.map(([name]) => [name, new Set()]));
  readonly #served = new Set<string>();
  readonly virtualServers: VirtualServer[] = [];
  readonly addresses = new Set<string>();
  readonly nat: Rule[] = [];
  readonly filter: Rule[] = [];
  readonly #noNodeAccess: { ip: string; port: number; protocol: string }[] = [];

  constructor(config: ResolvedProxyConfig) {
    this.#config = config;
  }

  setName(name: SetName): string {
    // The kernel takes 31 characters; upstream cuts the longer ones.
    return this.#config.family === 'IPv6' ? name.replace('KUBE-', 'KUBE-6-').slice(0, 31) : name;
  }

  get sets(): IpSet[] {
    return setTable.map(([name, type, text]) => ({
      name: this.setName(name),
      type,
      comment: text,
      entries: [...this.#entries.get(name)!].sort(),
    }));
  }

  #add(name: SetName, entry: string): void {
    this.#entries.get(name)!.add(entry);
  }

  /** An address that two Services claim serves the first. */
  #server(port: ServicePort, address: string, at: number, endpoints: readonly Endpoint[], bind: boolean): void {
    if (bind) this.addresses.add(address);
    const key = `${port.protocol} ${address} ${at}`;
    if (this.#served.has(key)) return;
    this.#served.add(key);
    this.virtualServers.push({
      address,
      port: at,
      protocol: port.protocol,
      scheduler: this.#config.ipvsScheduler,
      ...(this.#config.ipvsScheduler === 'mh' && { schedulerFlags: 'mh-port' }),
      persistentSeconds: port.sessionAffinitySeconds,
      realServers: endpoints.map(({ ip, port: realPort }) => ({ ip, port: realPort })),
    });
  }

  service(port: ServicePort): void {
    const { node } = this.#config;
    const protocol = port.protocol.toLowerCase();
    const choice = categorizeEndpoints(port, node);
    // Without local endpoints a virtual server keeps them all, so that this node's pods get through (kubernetes#97081).
    const localFirst = choice.local.length > 0 ? choice.local : choice.cluster;
    const internal = port.internalLocal ? localFirst : choice.cluster;
    const external = port.externalLocal ? localFirst : choice.cluster;
    const at = (ip: string) => `${ip},${protocol}:${port.port}`;

    for (const endpoint of port.endpoints) {
      if (endpoint.isLocal) this.#add('KUBE-LOOP-BACK', `${endpoint.ip},${protocol}:${endpoint.port},${endpoint.ip}`);
    }
    this.#add('KUBE-CLUSTER-IP', at(port.clusterIP));
    this.#server(port, port.clusterIP, port.port, internal, true);

    for (const ip of port.externalIPs) {
      this.#add(port.externalLocal ? 'KUBE-EXTERNAL-IP-LOCAL' : 'KUBE-EXTERNAL-IP', at(ip));
      this.#server(port, ip, port.port, external, !node.ips.includes(ip));
    }
    for (const ip of port.loadBalancerVIPs) {
      this.#add('KUBE-LOAD-BALANCER', at(ip));
      if (port.externalLocal) this.#add('KUBE-LOAD-BALANCER-LOCAL', at(ip));
      if (port.loadBalancerSourceRanges.length > 0) this.#sourceRanges(port, ip, protocol);
      this.#server(port, ip, port.port, external, !node.ips.includes(ip));
    }
    if (port.nodePort !== 0) {
      const ips = this.#nodePortIps();
      if (ips.length === 0) return;
      this.#nodePort(port, ips, external);
    }
    if (port.healthCheckNodePort !== 0) this.#add('KUBE-HEALTH-CHECK-NODE-PORT', String(port.healthCheckNodePort));
  }

  #sourceRanges(port: ServicePort, ip: string, protocol: string): void {
    const at = `${ip},${protocol}:${port.port}`;
    const node = primaryAddress(this.#config.node, this.#config.family);
    this.#add('KUBE-LOAD-BALANCER-FW', at);
    let allowsNode = false;
    for (const range of port.loadBalancerSourceRanges) {
      this.#add('KUBE-LOAD-BALANCER-SOURCE-CIDR', `${at},${range}`);
      const cidr = parseCidr(range);
      if (cidr && cidrContains(cidr, node)) allowsNode = true;
    }
    if (allowsNode) this.#add('KUBE-LOAD-BALANCER-SOURCE-IP', `${at},${ip}`);
    else this.#noNodeAccess.push({ ip, port: port.port, protocol });
  }

  #nodePortIps(): string[] {
    const { node, nodePortAddresses, family } = this.#config;
    return nodePortAddressesOf(nodePortAddresses, family, node).filter((ip) => !isLoopback(ip));
  }

  #nodePort(port: ServicePort, ips: readonly string[], endpoints: readonly Endpoint[]): void {
    if (port.protocol === 'SCTP') {
      for (const ip of ips) {
        this.#add('KUBE-NODE-PORT-SCTP-HASH', `${ip},sctp:${port.nodePort}`);
        if (port.externalLocal) this.#add('KUBE-NODE-PORT-LOCAL-SCTP-HASH', `${ip},sctp:${port.nodePort}`);
      }
    } else {
      this.#add(`KUBE-NODE-PORT-${port.protocol}`, String(port.nodePort));
      if (port.externalLocal) this.#add(`KUBE-NODE-PORT-LOCAL-${port.protocol}`, String(port.nodePort));
    }
    for (const ip of ips) this.#server(port, ip, port.nodePort, endpoints, false);
  }

  /** What the ports added so far give to the rest: one of the pieces that a partial sync puts together. */
  get piece(): IpvsPiece {
    return {
      virtualServers: this.virtualServers,
      entries: this.#entries,
      addresses: this.addresses,
      noNodeAccess: this.#noNodeAccess,
    };
  }

  /** Takes over what other ports gave; the entries are read, not kept. */
  adopt(piece: IpvsPiece): void {
    for (const [name, entries] of piece.entries) {
      const own = this.#entries.get(name as SetName)!;
      for (const entry of entries) own.add(entry);
    }
    this.virtualServers.push(...piece.virtualServers);
    for (const address of piece.addresses) this.addresses.add(address);
    this.#noNodeAccess.push(...piece.noNodeAccess);
  }

  finish(): void {
    for (const address of this.addresses) this.#add('KUBE-IPVS-IPS', address);
    const config = this.#config;
    const mark = masqueradeMark(config);
    const nat = (chain: string, match: string[], ...target: string[]) => this.nat.push({ chain, match, target });
    const filter = (chain: string, match: string[], ...target: string[]) => this.filter.push({ chain, match, target });
    const empty = (name: SetName) => this.#entries.get(name)!.size === 0;
    const textOf = (name: SetName) => comment(setTable.find(([other]) => other === name)![2]);
    const inSet = (name: SetName, match: string) => ['-m', 'set', '--match-set', this.setName(name), match];

    nat('KUBE-SERVICES', ['-s', config.family === 'IPv6' ? '::1/128' : '127.0.0.0/8'], '-j', 'RETURN');
    for (const [name, table, from, to, match, protocol] of setRules) {
      if (empty(name)) continue;
      const words = [...(protocol ? ['-p', protocol] : []), ...textOf(name), ...inSet(name, match)];
      (table === 'nat' ? nat : filter)(from, words, '-j', to);
    }
    if (!empty('KUBE-CLUSTER-IP')) {
      const words = (match: string) => [...textOf('KUBE-CLUSTER-IP'), ...inSet('KUBE-CLUSTER-IP', match)];
      if (config.masqueradeAll) nat('KUBE-SERVICES', words('dst,dst'), '-j', 'KUBE-MARK-MASQ');
      else if (config.localDetector) {
        const match = [...words('dst,dst'), ...iptablesLocalMatch(config.localDetector, true)];
        nat('KUBE-SERVICES', match, '-j', 'KUBE-MARK-MASQ');
      } else nat('KUBE-SERVICES', words('src,dst'), '-j', 'KUBE-MARK-MASQ');
    }
    const acceptExternal = (words: string[]) => {
      const fromOutside = ['-m', 'physdev', '!', '--physdev-is-in', '-m', 'addrtype', '!', '--src-type', 'LOCAL'];
      nat('KUBE-SERVICES', [...words, ...fromOutside], '-j', 'ACCEPT');
      nat('KUBE-SERVICES', [...words, '-m', 'addrtype', '--dst-type', 'LOCAL'], '-j', 'ACCEPT');
    };
    for (const name of ['KUBE-EXTERNAL-IP', 'KUBE-EXTERNAL-IP-LOCAL'] as const) {
      if (empty(name)) continue;
      const words = [...textOf(name), ...inSet(name, 'dst,dst')];
      if (name === 'KUBE-EXTERNAL-IP') nat('KUBE-SERVICES', words, '-j', 'KUBE-MARK-MASQ');
      acceptExternal(words);
    }
    nat('KUBE-SERVICES', ['-m', 'addrtype', '--dst-type', 'LOCAL'], '-j', 'KUBE-NODE-PORT');
    nat('KUBE-LOAD-BALANCER', [], '-j', 'KUBE-MARK-MASQ');
    filter('KUBE-SOURCE-RANGES-FIREWALL', [], '-j', 'DROP');
    for (const { ip, port, protocol } of this.#noNodeAccess) {
      const words = ['-s', ip, '-m', 'ipvs', '--vaddr', ip, '--vproto', protocol, '--vport', String(port)];
      filter('KUBE-IPVS-OUT-FILTER', words, '-j', 'DROP');
    }
    for (const name of ['KUBE-CLUSTER-IP', 'KUBE-LOAD-BALANCER'] as const) {
      if (!empty(name)) nat('KUBE-SERVICES', inSet(name, 'dst,dst'), '-j', 'ACCEPT');
    }
    filter(
      'KUBE-FORWARD',
      [...comment('kubernetes forwarding rules'), '-m', 'mark', '--mark', `${mark}/${mark}`],
      '-j',
      'ACCEPT',
    );
    filter(
      'KUBE-FORWARD',
      [...comment('kubernetes forwarding conntrack rule'), '-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED'],
      '-j',
      'ACCEPT',
    );
    const health = 'KUBE-HEALTH-CHECK-NODE-PORT';
    filter('KUBE-NODE-PORT', [...textOf(health), ...inSet(health, 'dst')], '-j', 'ACCEPT');
    for (const name of [
      'KUBE-LOAD-BALANCER',
      'KUBE-CLUSTER-IP',
      'KUBE-EXTERNAL-IP',
      'KUBE-EXTERNAL-IP-LOCAL',
    ] as const) {
      filter('KUBE-IPVS-FILTER', inSet(name, 'dst,dst'), '-j', 'RETURN');
    }
    filter('KUBE-IPVS-FILTER', inSet(health, 'dst'), '-j', 'RETURN');
    filter(
      'KUBE-IPVS-FILTER',
      ['-m', 'conntrack', '--ctstate', 'NEW', ...inSet('KUBE-IPVS-IPS', 'dst')],
      '-j',
      'REJECT',
    );
    nat('KUBE-POSTROUTING', ['-m', 'mark', '!', '--mark', `${mark}/${mark}`], '-j', 'RETURN');
    nat('KUBE-POSTROUTING', [], '-j', 'MARK', '--xor-mark', mark);
    nat(
      'KUBE-POSTROUTING',
      comment('kubernetes service traffic requiring SNAT'),
      '-j',
      'MASQUERADE',
      ...(config.randomFully ? ['--random-fully'] : []),
    );
    nat('KUBE-MARK-MASQ', [], '-j', 'MARK', '--or-mark', mark);
  }
}

export function ipvsRules(ports: readonly ServicePort[], config: ResolvedProxyConfig): IpvsRules {
  const sync = new IpvsSync(config);
  for (const port of ports) sync.service(port);
  return finished(sync);
}

function finished(sync: IpvsSync): IpvsRules {
  sync.finish();
  return {
    virtualServers: sync.virtualServers,
    sets: sync.sets,
    addresses: [...sync.addresses].sort(),
    nat: { name: 'nat', chains: chains.nat, rules: sync.nat },
    filter: { name: 'filter', chains: chains.filter, rules: sync.filter },
    jumps: jumpTable.map(([table, from, to, text]) => ({ table, from, to, comment: text, match: [] })),
  };
}

export function ipvsPiece(port: ServicePort, config: ResolvedProxyConfig): IpvsPiece {
  const sync = new IpvsSync(config);
  sync.service(port);
  return sync.piece;
}

/** The iptables rules and set definitions that go with a piece: they depend only on which sets have entries. */
export function ipvsFrame(piece: IpvsPiece, config: ResolvedProxyConfig): IpvsRules {
  const sync = new IpvsSync(config);
  sync.adopt(piece);
  return finished(sync);
}

/** `10.96.0.10:53`, as ipvsadm reads it. */
export function serverAddress(address: string, port: number): string {
  return joinHostPort(address, port);
}
