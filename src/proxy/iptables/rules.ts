/**
 * kube-proxy's iptables mode. Upstream: pkg/proxy/iptables/proxier.go syncProxyRules (1.36): the same chains, matches,
 * comments, probabilities and order of rules within a chain. Services come sorted, upstream's come in map order.
 */
import { cidrContains, comment, type Jump, parseCidr, type Rule, type RuleTable } from '../../net/index.ts';
import { masqueradeMark, type ResolvedProxyConfig } from '../config.ts';
import { iptablesLocalMatch } from '../local-traffic.ts';
import { isLoopback, nodePortAddressesOf, primaryAddress } from '../node-addresses.ts';
import type { Endpoint, ServicePort } from '../service-ports.ts';
import { type TrafficChoice, trafficChoice } from '../topology.ts';
import { endpointChain, portChains } from './names.ts';

export interface IptablesRules {
  readonly filter: RuleTable;
  readonly nat: RuleTable;
  /** Jumps from the built-in chains, to be ensured before the tables are restored. */
  readonly jumps: readonly Jump[];
  /** Counters that rules name and that must stand before them. */
  readonly nfacctObjects?: readonly string[];
}

/** kube-proxy's counters, read by its metrics. */
const counters = { localhost: 'localhost_nps_accepted_pkts', invalid: 'ct_state_invalid_dropped_pkts' } as const;

const counting = (counter: string) => ['-m', 'nfacct', '--nfacct-name', counter];

/** More endpoints than this in all: per-endpoint comments are left out, as upstream's large-cluster mode does. */
export const largeClusterEndpointsThreshold = 1000;

const newConnections = ['-m', 'conntrack', '--ctstate', 'NEW'];

/** Order within a chain is the order packets meet them; upstream prepends, so the last ensured stands first. */
function jumps(): Jump[] {
  const jump = (table: Jump['table'], from: string, to: string, text: string, match: string[] = []): Jump => ({
    table,
    from,
    to,
    comment: text,
    match,
  });
  return [
    jump('filter', 'INPUT', 'KUBE-EXTERNAL-SERVICES', 'kubernetes externally-visible service portals', newConnections),
    jump(
      'filter',
      'FORWARD',
      'KUBE-EXTERNAL-SERVICES',
      'kubernetes externally-visible service portals',
      newConnections,
    ),
    jump('filter', 'INPUT', 'KUBE-NODEPORTS', 'kubernetes health check service ports'),
    jump('filter', 'FORWARD', 'KUBE-SERVICES', 'kubernetes service portals', newConnections),
    jump('filter', 'OUTPUT', 'KUBE-SERVICES', 'kubernetes service portals', newConnections),
    jump('filter', 'FORWARD', 'KUBE-FORWARD', 'kubernetes forwarding rules'),
    jump('filter', 'INPUT', 'KUBE-PROXY-FIREWALL', 'kubernetes load balancer firewall', newConnections),
    jump('filter', 'OUTPUT', 'KUBE-PROXY-FIREWALL', 'kubernetes load balancer firewall', newConnections),
    jump('filter', 'FORWARD', 'KUBE-PROXY-FIREWALL', 'kubernetes load balancer firewall', newConnections),
    jump('nat', 'OUTPUT', 'KUBE-SERVICES', 'kubernetes service portals'),
    jump('nat', 'PREROUTING', 'KUBE-SERVICES', 'kubernetes service portals'),
    jump('nat', 'POSTROUTING', 'KUBE-POSTROUTING', 'kubernetes postrouting rules'),
  ];
}

/** `-m tcp -p tcp`, in upstream's order. */
function protocolMatch(port: ServicePort): string[] {
  const protocol = port.protocol.toLowerCase();
  return ['-m', protocol, '-p', protocol];
}

/** What becomes of traffic without a usable endpoint: rejected when there is none at all, dropped when only not here. */
const refusals = {
  none: undefined,
  reject: { text: 'has no endpoints', target: 'REJECT' },
  drop: { text: 'has no local endpoints', target: 'DROP' },
} as const;

const nothing: readonly string[] = [];
const toMasquerade: readonly string[] = ['-j', 'KUBE-MARK-MASQ'];

/** One sync: collects the rules of all services, in upstream's order. */
class IptablesSync {
  readonly config: ResolvedProxyConfig;
  readonly filterChains = [
    'KUBE-SERVICES',
    'KUBE-EXTERNAL-SERVICES',
    'KUBE-FORWARD',
    'KUBE-NODEPORTS',
    'KUBE-PROXY-FIREWALL',
  ];
  readonly filterRules: Rule[] = [];
  readonly natChains = ['KUBE-SERVICES', 'KUBE-NODEPORTS', 'KUBE-POSTROUTING', 'KUBE-MARK-MASQ'];
  readonly natRules: Rule[] = [];
  readonly #large: boolean;
  readonly #dice: (readonly string[])[] = [];

  constructor(config: ResolvedProxyConfig, large: boolean) {
    this.config = config;
    this.#large = large;
  }

  #nat(chain: string, match: string[], ...target: string[]): void {
    this.natRules.push({ chain, match, target });
  }

  #filter(chain: string, match: string[], ...target: string[]): void {
    this.filterRules.push({ chain, match, target });
  }

  /** Rules that do not depend on services. */
  postrouting(): void {
    const mark = masqueradeMark(this.config);
    this.#nat('KUBE-POSTROUTING', ['-m', 'mark', '!', '--mark', `${mark}/${mark}`], '-j', 'RETURN');
    this.#nat('KUBE-POSTROUTING', [], '-j', 'MARK', '--xor-mark', mark);
    this.#nat(
      'KUBE-POSTROUTING',
      comment('kubernetes service traffic requiring SNAT'),
      '-j',
      'MASQUERADE',
      ...(this.config.randomFully ? ['--random-fully'] : []),
    );
    this.#nat('KUBE-MARK-MASQ', [], '-j', 'MARK', '--or-mark', mark);
    if (this.config.family === 'IPv4' && this.config.localhostNodePorts) {
      this.filterChains.push('KUBE-FIREWALL');
      this.#filter(
        'KUBE-FIREWALL',
        [
          ...comment('block incoming localnet connections'),
          ...['-d', '127.0.0.0/8', '!', '-s', '127.0.0.0/8'],
          ...['-m', 'conntrack', '!', '--ctstate', 'RELATED,ESTABLISHED,DNAT'],
        ],
        '-j',
        'DROP',
      );
    }
  }

  service(port: ServicePort): void {
    const { config } = this;
    const choice = trafficChoice(port, config.node);
    const name = port.name;
    const proto = protocolMatch(port);
    const dport = ['--dport', String(port.port)];
    const { cluster, local, external, firewall } = portChains(name, port.protocol);
    const internalChain = port.internalLocal ? local : cluster;
    const externalPolicyChain = port.externalLocal ? local : cluster;
    const firewalled = choice.hasAny && port.loadBalancerVIPs.length > 0 && port.loadBalancerSourceRanges.length > 0;

    const noInternal = refusals[choice.internalRefusal];
    const noExternal = refusals[choice.externalRefusal];

    const clusterMatch = [...comment(`${name} cluster IP`), ...proto, '-d', port.clusterIP, ...dport];
    if (!noInternal) this.#nat('KUBE-SERVICES', clusterMatch, '-j', internalChain);
    else {
      this.#filter(
        'KUBE-SERVICES',
        [...comment(`${name} ${noInternal.text}`), ...proto, '-d', port.clusterIP, ...dport],
        '-j',
        noInternal.target,
      );
    }

    for (const ip of port.externalIPs) {
      if (choice.hasAny) {
        this.#nat('KUBE-SERVICES', [...comment(`${name} external IP`), ...proto, '-d', ip, ...dport], '-j', external);
      }
      if (noExternal) {
        const match = [...comment(`${name} ${noExternal.text}`), ...proto, '-d', ip, ...dport];
        this.#filter('KUBE-EXTERNAL-SERVICES', match, '-j', noExternal.target);
      }
    }

    for (const ip of port.loadBalancerVIPs) {
      if (choice.hasAny) {
        const match = [...comment(`${name} loadbalancer IP`), ...proto, '-d', ip, ...dport];
        this.#nat('KUBE-SERVICES', match, '-j', firewalled ? firewall : external);
      }
      if (firewalled) {
        const match = [...comment(`${name} traffic not accepted by ${firewall}`), ...proto, '-d', ip, ...dport];
        this.#filter('KUBE-PROXY-FIREWALL', match, '-j', 'DROP');
      }
    }
    if (noExternal) {
      for (const ip of port.loadBalancerVIPs) {
        const match = [...comment(`${name} ${noExternal.text}`), ...proto, '-d', ip, ...dport];
        this.#filter('KUBE-EXTERNAL-SERVICES', match, '-j', noExternal.target);
      }
    }

    if (port.nodePort !== 0) {
      const nodePort = ['--dport', String(port.nodePort)];
      if (choice.hasAny && config.nfacct && config.localhostNodePorts) {
        const match = [...comment(name), ...proto, '-d', '127.0.0.0/8', ...nodePort, ...counting(counters.localhost)];
        this.#nat('KUBE-NODEPORTS', match, '-j', external);
      }
      if (choice.hasAny) this.#nat('KUBE-NODEPORTS', [...comment(name), ...proto, ...nodePort], '-j', external);
      if (noExternal) {
        const match = [
          ...comment(`${name} ${noExternal.text}`),
          '-m',
          'addrtype',
          '--dst-type',
          'LOCAL',
          ...proto,
          ...nodePort,
        ];
        this.#filter('KUBE-EXTERNAL-SERVICES', match, '-j', noExternal.target);
      }
    }
    if (port.healthCheckNodePort !== 0) {
      const match = [
        ...comment(`${name} health check node port`),
        ...['-m', 'tcp', '-p', 'tcp', '--dport', String(port.healthCheckNodePort)],
      ];
      this.#filter('KUBE-NODEPORTS', match, '-j', 'ACCEPT');
    }

    // The rule that marks traffic to the cluster IP comes first in the policy chain.
    if (!noInternal) {
      if (config.masqueradeAll) this.#nat(internalChain, clusterMatch, '-j', 'KUBE-MARK-MASQ');
      else if (config.localDetector) {
        const match = [...clusterMatch, ...iptablesLocalMatch(config.localDetector, true)];
        this.#nat(internalChain, match, '-j', 'KUBE-MARK-MASQ');
      }
    }

    if (choice.usesExternal) this.#externalChain(port, external, cluster, externalPolicyChain, choice);
    if (firewalled) this.#firewallChain(port, firewall, external);
    // A hash each: made once, for the policy chains and for the endpoint's own.
    const chains = new Map<Endpoint, string>();
    for (const endpoint of choice.reachable) chains.set(endpoint, endpointChain(name, port.protocol, endpoint.address));
    if (choice.usesCluster) this.#policyChain(port, cluster, choice.cluster, chains);
    if (choice.usesLocal) this.#policyChain(port, local, choice.local, chains);
    const remark = this.#large ? nothing : comment(name);
    for (const [endpoint, chain] of chains) this.#endpointChain(port, endpoint, chain, remark, proto);
  }

  #externalChain(port: ServicePort, chain: string, cluster: string, policyChain: string, choice: TrafficChoice): void {
    this.natChains.push(chain);
    const { name } = port;
    if (!port.externalLocal) {
      this.#nat(chain, comment(`masquerade traffic for ${name} external destinations`), '-j', 'KUBE-MARK-MASQ');
    } else {
      const { localDetector } = this.config;
      // Pods reach all endpoints: for them the address is as good as the cluster IP.
      if (localDetector) {
        const text = comment(`pod traffic for ${name} external destinations`);
        const match = [...text, ...iptablesLocalMatch(localDetector)];
        this.#nat(chain, match, '-j', cluster);
      }
      const fromNode = ['-m', 'addrtype', '--src-type', 'LOCAL'];
      this.#nat(
        chain,
        [...comment(`masquerade LOCAL traffic for ${name} external destinations`), ...fromNode],
        '-j',
        'KUBE-MARK-MASQ',
      );
      this.#nat(
        chain,
        [...comment(`route LOCAL traffic for ${name} external destinations`), ...fromNode],
        '-j',
        cluster,
      );
    }
    if (choice.externalRefusal === 'none') this.#nat(chain, [], '-j', policyChain);
  }

  #firewallChain(port: ServicePort, chain: string, external: string): void {
    this.natChains.push(chain);
    const text = comment(`${port.name} loadbalancer IP`);
    const node = primaryAddress(this.config.node, this.config.family);
    let allowsNode = false;
    for (const range of port.loadBalancerSourceRanges) {
      this.#nat(chain, [...text, '-s', range], '-j', external);
      const cidr = parseCidr(range);
      if (cidr && cidrContains(cidr, node)) allowsNode = true;
    }
    // The node reaches a load balancer address from that very address.
    if (allowsNode) for (const ip of port.loadBalancerVIPs) this.#nat(chain, [...text, '-s', ip], '-j', external);
    this.#nat(chain, comment(`other traffic to ${port.name} will be dropped by KUBE-PROXY-FIREWALL`));
  }

  #policyChain(
    port: ServicePort,
    chain: string,
    endpoints: readonly Endpoint[],
    chains: ReadonlyMap<Endpoint, string>,
  ): void {
    this.natChains.push(chain);
    const remarked = (endpoint: Endpoint, words: readonly string[]) =>
      this.#large ? words : [...comment(`${port.name} -> ${endpoint.address}`), ...words];
    const seconds = String(port.sessionAffinitySeconds);
    if (port.sessionAffinitySeconds !== undefined) {
      for (const endpoint of endpoints) {
        const to = chains.get(endpoint)!;
        const recent = ['-m', 'recent', '--name', to, '--rcheck', '--seconds', seconds, '--reap'];
        this.natRules.push({ chain, match: remarked(endpoint, recent), target: ['-j', to] });
      }
    }
    for (const [i, endpoint] of endpoints.entries()) {
      const match = remarked(endpoint, this.#random(endpoints.length - i));
      this.natRules.push({ chain, match, target: ['-j', chains.get(endpoint)!] });
    }
  }

  /** The dice for the first of as many endpoints as are left. */
  #random(left: number): readonly string[] {
    if (left <= 1) return nothing;
    let words = this.#dice[left];
    if (!words) {
      words = ['-m', 'statistic', '--mode', 'random', '--probability', (1 / left).toFixed(10)];
      this.#dice[left] = words;
    }
    return words;
  }

  #endpointChain(
    port: ServicePort,
    endpoint: Endpoint,
    chain: string,
    remark: readonly string[],
    proto: readonly string[],
  ): void {
    this.natChains.push(chain);
    this.natRules.push({ chain, match: [...remark, '-s', endpoint.ip], target: toMasquerade });
    const affinity = port.sessionAffinitySeconds === undefined ? nothing : ['-m', 'recent', '--name', chain, '--set'];
    const plain = remark === nothing && affinity === nothing;
    this.natRules.push({
      chain,
      match: plain ? proto : [...remark, ...affinity, ...proto],
      target: ['-j', 'DNAT', '--to-destination', endpoint.address],
    });
  }

  /** Node ports come last in KUBE-SERVICES; then the forwarding rules. */
  finish(): void {
    const { config } = this;
    const text = comment('kubernetes service nodeports; NOTE: this must be the last rule in this chain');
    if (config.nodePortAddresses) {
      const addresses = nodePortAddressesOf(config.nodePortAddresses, config.family, config.node);
      const serving = addresses.filter((ip) => config.localhostNodePorts || !isLoopback(ip));
      for (const ip of serving) this.#nat('KUBE-SERVICES', [...text, '-d', ip], '-j', 'KUBE-NODEPORTS');
    } else {
      const notLoopback =
        config.family === 'IPv6' ? ['!', '-d', '::1/128'] : config.localhostNodePorts ? [] : ['!', '-d', '127.0.0.0/8'];
      const match = [...text, '-m', 'addrtype', '--dst-type', 'LOCAL', ...notLoopback];
      this.#nat('KUBE-SERVICES', match, '-j', 'KUBE-NODEPORTS');
    }
    if (config.dropInvalid) {
      const counted = config.nfacct ? counting(counters.invalid) : [];
      this.#filter('KUBE-FORWARD', ['-m', 'conntrack', '--ctstate', 'INVALID', ...counted], '-j', 'DROP');
    }
    const mark = masqueradeMark(config);
    this.#filter(
      'KUBE-FORWARD',
      [...comment('kubernetes forwarding rules'), '-m', 'mark', '--mark', `${mark}/${mark}`],
      '-j',
      'ACCEPT',
    );
    this.#filter(
      'KUBE-FORWARD',
      [...comment('kubernetes forwarding conntrack rule'), '-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED'],
      '-j',
      'ACCEPT',
    );
  }
}

/** Rules that one port adds, or that stand before or after those of all ports: what a partial sync is made of. */
export interface IptablesPiece {
  readonly filterChains: readonly string[];
  readonly filterRules: readonly Rule[];
  readonly natChains: readonly string[];
  readonly natRules: readonly Rule[];
}

/**
 * The pieces of `iptablesRules`: `before`, each port's, `after`, in this order within every chain. A port's piece names
 * the chains that are its own.
 */
export function iptablesPieces(
  config: ResolvedProxyConfig,
  large: boolean,
): { before: IptablesPiece; after: IptablesPiece; port(port: ServicePort): IptablesPiece } {
  const piece = (fill: (sync: IptablesSync) => void, fixed: boolean): IptablesPiece => {
    const sync = new IptablesSync(config, large);
    const [filters, nats] = fixed ? [0, 0] : [sync.filterChains.length, sync.natChains.length];
    fill(sync);
    return {
      filterChains: sync.filterChains.slice(filters),
      filterRules: sync.filterRules,
      natChains: sync.natChains.slice(nats),
      natRules: sync.natRules,
    };
  };
  return {
    before: piece((sync) => sync.postrouting(), true),
    after: piece((sync) => sync.finish(), false),
    port: (port) => piece((sync) => sync.service(port), false),
  };
}

export function iptablesRules(ports: readonly ServicePort[], config: ResolvedProxyConfig): IptablesRules {
  const total = ports.reduce((sum, port) => sum + port.endpoints.length, 0);
  const sync = new IptablesSync(config, total > largeClusterEndpointsThreshold);
  sync.postrouting();
  for (const port of ports) sync.service(port);
  sync.finish();
  const extra: Jump[] = sync.filterChains.includes('KUBE-FIREWALL')
    ? ['INPUT', 'OUTPUT'].map((from) => ({ table: 'filter', from, to: 'KUBE-FIREWALL', comment: '', match: [] }))
    : [];
  return {
    filter: { name: 'filter', chains: sync.filterChains, rules: sync.filterRules },
    nat: { name: 'nat', chains: sync.natChains, rules: sync.natRules },
    jumps: [...jumps(), ...extra],
    ...(config.nfacct && { nfacctObjects: [counters.invalid, counters.localhost] }),
  };
}
