/**
 * kube-proxy's nftables mode. Upstream: pkg/proxy/nftables/proxier.go (1.36), full sync into an empty or old table.
 */
import { cidrContains, parseCidr } from '../../net/index.ts';
import { masqueradeMark, type ResolvedProxyConfig } from '../config.ts';
import { nftLocalMatch } from '../local-traffic.ts';
import { isLoopback, nodePortAddressesOf, primaryAddress } from '../node-addresses.ts';
import type { Endpoint, ServicePort } from '../service-ports.ts';
import { type Refusal, type TrafficChoice, trafficChoice } from '../topology.ts';
import * as names from './names.ts';

export interface NftChain {
  readonly name: string;
  /** `type filter hook input priority 0`, for base chains. */
  readonly base?: string;
  readonly comment?: string;
}

export interface NftSet {
  readonly kind: 'set' | 'map';
  readonly name: string;
  readonly type: string;
  readonly comment?: string;
  /** `flags dynamic,timeout ; timeout 10800s`. */
  readonly extra?: string;
}

export interface NftRule {
  readonly chain: string;
  readonly rule: string;
  readonly comment?: string;
}

export interface NftElement {
  readonly set: string;
  readonly key: readonly string[];
  readonly comment?: string;
  /** Verdict, for maps. */
  readonly value?: string;
}

/** One table, in the order nft needs it: chains, sets and maps, rules, elements. */
export interface NftRules {
  readonly family: 'ip' | 'ip6';
  readonly chains: readonly NftChain[];
  readonly sets: readonly NftSet[];
  readonly rules: readonly NftRule[];
  readonly elements: readonly NftElement[];
}

const baseChains: readonly [name: string, type: string, hook: string, priority: number][] = [
  ['filter-prerouting-pre-dnat', 'filter', 'prerouting', -110],
  ['filter-output-pre-dnat', 'filter', 'output', -110],
  ['filter-input', 'filter', 'input', 0],
  ['filter-forward', 'filter', 'forward', 0],
  ['filter-output', 'filter', 'output', 0],
  ['nat-prerouting', 'nat', 'prerouting', -100],
  ['nat-output', 'nat', 'output', -100],
  ['nat-postrouting', 'nat', 'postrouting', 100],
];

const jumps: readonly [to: string, from: string, match: string][] = [
  ['nodeport-endpoints-check', 'filter-input', 'ct state new'],
  ['service-endpoints-check', 'filter-input', 'ct state new'],
  ['service-endpoints-check', 'filter-forward', 'ct state new'],
  ['service-endpoints-check', 'filter-output', 'ct state new'],
  ['firewall-check', 'filter-prerouting-pre-dnat', 'ct state new'],
  ['firewall-check', 'filter-output-pre-dnat', 'ct state new'],
  ['services', 'nat-output', ''],
  ['services', 'nat-prerouting', ''],
  ['masquerading', 'nat-postrouting', ''],
  ['cluster-ips-check', 'filter-forward', 'ct state new'],
  ['cluster-ips-check', 'filter-output', 'ct state new'],
];

class NftSync {
  readonly chains = new Map<string, NftChain>();
  readonly sets: NftSet[] = [];
  readonly rules: NftRule[] = [];
  readonly #elements = new Map<string, NftElement>();
  readonly #config: ResolvedProxyConfig;
  readonly #ip: 'ip' | 'ip6';
  readonly #address: string;
  readonly #masquerade: string;

  constructor(config: ResolvedProxyConfig) {
    this.#config = config;
    this.#ip = config.family === 'IPv4' ? 'ip' : 'ip6';
    this.#address = config.family === 'IPv4' ? 'ipv4_addr' : 'ipv6_addr';
    this.#masquerade = `mark set mark or ${masqueradeMark(config)}`;
  }

  get elements(): NftElement[] {
    return [...this.#elements.values()];
  }

  #chain(name: string, more: Omit<NftChain, 'name'> = {}): void {
    if (!this.chains.has(name)) this.chains.set(name, { name, ...more });
  }

  #rule(chain: string, rule: string, comment?: string): void {
    this.rules.push(comment === undefined ? { chain, rule } : { chain, rule, comment });
  }

  /** An element stands once, however many ports of a service name it. */
  #element(element: NftElement): void {
    const key = `${element.set} ${element.key.join(' . ')}`;
    if (!this.#elements.has(key)) this.#elements.set(key, element);
  }

  base(): void {
    const config = this.#config;
    const ip = this.#ip;
    const mark = masqueradeMark(config);
    const notLocalhost = ip === 'ip' ? 'ip daddr != 127.0.0.0/8' : 'ip6 daddr != ::1';
    const destination = `${ip} daddr . meta l4proto . th dport`;
    const verdicts = `${this.#address} . inet_proto . inet_service : verdict`;
    const portVerdicts = 'inet_proto . inet_service : verdict';

    for (const [name, type, hook, priority] of baseChains) {
      this.#chain(name, { base: `type ${type} hook ${hook} priority ${priority}` });
    }
    for (const [to, from, match] of jumps) {
      this.#chain(to);
      this.#rule(from, match === '' ? `jump ${to}` : `${match} jump ${to}`);
    }
    this.#chain('reject-chain', { comment: 'helper for @no-endpoint-services / @no-endpoint-nodeports' });

    const set = (kind: NftSet['kind'], name: string, type: string, comment: string) =>
      this.sets.push({ kind, name, type, comment });
    set(
      'set',
      'hairpin-connections',
      `${this.#address} . ${this.#address} . inet_proto . inet_service`,
      'service hairpin connections',
    );
    set('set', 'cluster-ips', this.#address, 'Active ClusterIPs');
    if (config.nodePortAddresses) set('set', 'nodeport-ips', this.#address, 'IPs that accept NodePort traffic');
    set('map', 'no-endpoint-services', verdicts, 'vmap to drop or reject packets to services with no endpoints');
    set(
      'map',
      'no-endpoint-nodeports',
      portVerdicts,
      'vmap to drop or reject packets to service nodeports with no endpoints',
    );
    set('map', 'firewall-ips', verdicts, 'destinations that are subject to LoadBalancerSourceRanges');
    set('map', 'service-ips', verdicts, 'ClusterIP, ExternalIP and LoadBalancer IP traffic');
    set('map', 'service-nodeports', portVerdicts, 'NodePort traffic');

    this.#rule('masquerading', `mark and ${mark} != 0 mark set mark xor ${mark} masquerade fully-random`);
    this.#rule(
      'masquerading',
      `ct status dnat ${ip} saddr . ${ip} daddr . meta l4proto . th dport @hairpin-connections masquerade fully-random`,
    );
    this.#rule('cluster-ips-check', `${ip} daddr @cluster-ips reject`, 'Reject traffic to invalid ports of ClusterIPs');
    if (config.serviceCIDRs.length > 0) {
      const ranges = config.serviceCIDRs.join(', ');
      this.#rule('cluster-ips-check', `${ip} daddr { ${ranges} } drop`, 'Drop traffic to unallocated ClusterIPs');
    }
    for (const address of this.nodePortIps()) this.#element({ set: 'nodeport-ips', key: [address] });
    this.#rule('reject-chain', 'reject');
    this.#rule('service-endpoints-check', `${destination} vmap @no-endpoint-services`);
    const toNodePort = config.nodePortAddresses ? `${ip} daddr @nodeport-ips` : notLocalhost;
    this.#rule('nodeport-endpoints-check', `${toNodePort} meta l4proto . th dport vmap @no-endpoint-nodeports`);
    this.#rule('firewall-check', `${destination} vmap @firewall-ips`);
    if (config.masqueradeAll) {
      this.#rule('services', `${ip} daddr @cluster-ips ${this.#masquerade}`, 'masquerade all clusterIP traffic');
    } else if (config.localDetector) {
      this.#rule(
        'services',
        `${ip} daddr @cluster-ips ${nftLocalMatch(config.localDetector, config.family, true)} ${this.#masquerade}`,
        'masquerade clusterIP traffic from outside cluster',
      );
    }
    this.#rule('services', `${destination} vmap @service-ips`);
    const viaNodePort = config.nodePortAddresses ? toNodePort : `fib daddr type local ${notLocalhost}`;
    this.#rule('services', `${viaNodePort} meta l4proto . th dport vmap @service-nodeports`);
  }

  /** Members of @nodeport-ips, which stands unless every address serves. */
  nodePortIps(): string[] {
    const { nodePortAddresses, family, node } = this.#config;
    if (!nodePortAddresses) return [];
    return nodePortAddressesOf(nodePortAddresses, family, node).filter((ip) => !isLoopback(ip));
  }

  service(port: ServicePort): void {
    const choice = trafficChoice(port, this.#config.node);
    const protocol = port.protocol.toLowerCase();
    const affinity = port.sessionAffinitySeconds !== undefined;
    for (const endpoint of choice.reachable) {
      if (affinity) this.#chain(names.endpointChain(port, endpoint));
      if (endpoint.isLocal) {
        const key = [endpoint.ip, endpoint.ip, protocol, String(endpoint.port)];
        this.#element({ set: 'hairpin-connections', key });
      }
    }
    const service = names.serviceChain(port);
    const local = names.localChain(port);
    const external = names.externalChain(port);
    if (choice.usesCluster) this.#chain(service);
    if (choice.usesLocal) this.#chain(local);
    if (choice.usesExternal) this.#chain(external);

    this.#element({ set: 'cluster-ips', key: [port.clusterIP] });
    this.#capture(
      port,
      port.clusterIP,
      port.internalLocal ? local : service,
      choice.internalRefusal === 'none',
      choice.internalRefusal,
    );
    for (const ip of port.externalIPs) this.#capture(port, ip, external, choice.hasAny, choice.externalRefusal);
    const firewalled = port.loadBalancerVIPs.length > 0 && port.loadBalancerSourceRanges.length > 0;
    for (const ip of port.loadBalancerVIPs) {
      this.#capture(port, ip, external, choice.hasAny, choice.externalRefusal);
      if (firewalled) {
        this.#element({
          set: 'firewall-ips',
          key: [ip, protocol, String(port.port)],
          value: `goto ${names.firewallChain(port)}`,
        });
      }
    }
    if (port.nodePort !== 0) {
      const key = [protocol, String(port.nodePort)];
      if (choice.hasAny) this.#element({ set: 'service-nodeports', key, value: `goto ${external}` });
      if (choice.externalRefusal !== 'none') {
        this.#element({
          set: 'no-endpoint-nodeports',
          key,
          comment: port.name,
          value: verdict(choice.externalRefusal),
        });
      }
    }
    if (choice.usesExternal) this.#externalRules(port, external, service, port.externalLocal ? local : service, choice);
    if (firewalled) this.#firewallRules(port);
    if (affinity) this.#affinityRules(port, choice, service, local);
    else {
      if (choice.usesCluster) this.#dnat(port, service, choice.cluster);
      if (choice.usesLocal) this.#dnat(port, local, choice.local);
    }
  }

  #capture(port: ServicePort, ip: string, chain: string, served: boolean, refusal: Refusal): void {
    const key = [ip, port.protocol.toLowerCase(), String(port.port)];
    if (served) this.#element({ set: 'service-ips', key, value: `goto ${chain}` });
    if (refusal !== 'none') {
      this.#element({ set: 'no-endpoint-services', key, comment: port.name, value: verdict(refusal) });
    }
  }

  #externalRules(port: ServicePort, chain: string, service: string, policy: string, choice: TrafficChoice): void {
    if (!port.externalLocal) this.#rule(chain, this.#masquerade, 'masquerade');
    else {
      const { localDetector, family } = this.#config;
      if (localDetector)
        this.#rule(chain, `${nftLocalMatch(localDetector, family)} goto ${service}`, 'short-circuit pod traffic');
      this.#rule(chain, `fib saddr type local ${this.#masquerade}`, 'masquerade local traffic');
      this.#rule(chain, `fib saddr type local goto ${service}`, 'short-circuit local traffic');
    }
    if (choice.externalRefusal === 'none') this.#rule(chain, `goto ${policy}`);
  }

  #firewallRules(port: ServicePort): void {
    const chain = names.firewallChain(port);
    this.#chain(chain);
    const sources = [...port.loadBalancerSourceRanges];
    const cidrs = sources.map(parseCidr);
    const node = primaryAddress(this.#config.node, this.#config.family);
    const allowsNode = cidrs.some((cidr) => cidr && cidrContains(cidr, node));
    if (allowsNode) sources.push(...port.loadBalancerVIPs);
    this.#rule(chain, `${this.#ip} saddr != { ${sources.join(', ')} } drop`);
  }

  #dnat(port: ServicePort, chain: string, endpoints: readonly Endpoint[]): void {
    const map = endpoints.map((endpoint, i) => `${i} : ${endpoint.ip} . ${endpoint.port}`).join(' , ');
    this.#rule(
      chain,
      `meta l4proto ${port.protocol.toLowerCase()} dnat ${this.#ip} addr . port to numgen random mod ${endpoints.length} map { ${map} }`,
    );
  }

  #affinityRules(port: ServicePort, choice: TrafficChoice, service: string, local: string): void {
    for (const endpoint of choice.reachable) {
      this.sets.push({
        kind: 'set',
        name: names.affinitySet(port, endpoint),
        type: this.#address,
        extra: `flags dynamic,timeout ; timeout ${port.sessionAffinitySeconds}s`,
      });
    }
    const jumpsFrom = (chain: string, endpoints: readonly Endpoint[]) => {
      for (const endpoint of endpoints) {
        const set = names.affinitySet(port, endpoint);
        this.#rule(chain, `${this.#ip} saddr @${set} goto ${names.endpointChain(port, endpoint)}`);
      }
      const map = endpoints.map((endpoint, i) => `${i} : goto ${names.endpointChain(port, endpoint)}`).join(' , ');
      this.#rule(chain, `numgen random mod ${endpoints.length} vmap { ${map} }`);
    };
    if (choice.usesCluster) jumpsFrom(service, choice.cluster);
    if (choice.usesLocal) jumpsFrom(local, choice.local);
    for (const endpoint of choice.reachable) {
      const chain = names.endpointChain(port, endpoint);
      this.#rule(chain, `update @${names.affinitySet(port, endpoint)} { ${this.#ip} saddr }`);
      this.#rule(chain, `meta l4proto ${port.protocol.toLowerCase()} dnat to ${endpoint.address}`);
    }
  }
}

function verdict(refusal: Refusal): string {
  return refusal === 'reject' ? 'goto reject-chain' : 'drop';
}

/** The rules of one port, or (undefined) those that stand without any: the pieces of `nftablesRules`, for a partial sync. */
export function nftablesPiece(port: ServicePort | undefined, config: ResolvedProxyConfig): Omit<NftRules, 'family'> {
  const sync = new NftSync(config);
  if (port) sync.service(port);
  else sync.base();
  return { chains: [...sync.chains.values()], sets: sync.sets, rules: sync.rules, elements: sync.elements };
}

export function nftablesRules(ports: readonly ServicePort[], config: ResolvedProxyConfig): NftRules {
  const sync = new NftSync(config);
  sync.base();
  for (const port of ports) sync.service(port);
  return {
    family: config.family === 'IPv4' ? 'ip' : 'ip6',
    chains: [...sync.chains.values()],
    sets: sync.sets,
    rules: sync.rules,
    elements: sync.elements,
  };
}
