/**
 * `klab proxy trace`: a packet followed through the rules a node would have, every branch with its odds. Pure: Services,
 * EndpointSlices, nodes and pods in, a story out.
 */

import type { KubeObject } from '../../apimachinery/index.ts';
import { Prng } from '../../base/index.ts';
import {
  type Cidr,
  cidrContains,
  joinHostPort,
  parseCidr,
  type TracedPacket,
  type TraceProtocol,
  unknownInterface,
} from '../../net/index.ts';
import type { ProxyConfig } from '../config.ts';
import { endpointChain } from '../iptables/names.ts';
import { nodeView, type ProxyInput, type ProxyMode, withModeDefaults } from '../modes.ts';
import { affinitySet } from '../nftables/names.ts';
import { type ServicePort, servicePorts } from '../service-ports.ts';
import { dumpEngine, engines, type RuleDump, type RuleEngine } from './engines.ts';
import { type EndpointFate, endpointFates, type TrafficKind } from './fates.ts';
import { nodeHostPortRules } from './host-ports.ts';
import {
  destinationOf,
  type Origin,
  type Path,
  type PathEnd,
  type PathStep,
  type Place,
  type TraceNetwork,
  walkPaths,
} from './path.ts';
import { persistenceOf } from './virtual-servers.ts';

export interface TraceInput extends ProxyInput {
  readonly nodes: readonly KubeObject[];
  readonly pods: readonly KubeObject[];
}

/** What every node's kube-proxy is configured with; the node itself is added. */
export type TraceConfig = Omit<ProxyConfig, 'node'>;

export interface TracedConnection {
  readonly source: string;
  /** Default 40000, as one ephemeral port among others. */
  readonly sourcePort?: number;
  readonly destination: string;
  readonly destinationPort: number;
  readonly protocol: TraceProtocol;
  /** The endpoint (`10.244.0.3:8080`) that client affinity led this source to, within the Service's timeout. */
  readonly remembered?: string;
}

export interface Outcome {
  readonly odds: number;
  readonly end: PathEnd;
  /** Where the packet arrives: `10.244.0.3:8080`. */
  readonly destination: string;
  /** What its receiver sees as the sender. */
  readonly source: string;
  readonly dnat?: string;
  readonly snat?: string;
  /** Rules tried, by node. */
  readonly tried: Readonly<Record<string, number>>;
}

export interface ConntrackEntry {
  readonly protocol: TraceProtocol;
  readonly original: ConntrackTuple;
  /** What the answer looks like when it reaches the node. */
  readonly reply: ConntrackTuple;
}

export interface ConntrackTuple {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export interface Trace {
  readonly mode: ProxyMode;
  readonly node: string;
  readonly connection: TracedConnection & { readonly sourcePort: number };
  /** Rules and set elements that the first node holds in this mode. */
  readonly rules: number;
  /** Every way the packet may go; odds sum to one. */
  readonly outcomes: readonly Outcome[];
  /** The way that is told: drawn by the seed, as the kernel would draw. */
  readonly chosen: number;
  readonly steps: readonly PathStep[];
  readonly conntrack?: ConntrackEntry;
  readonly reply: readonly string[];
  /** The service port whose rules took the packet, where one did. */
  readonly service?: { readonly name: string; readonly protocol: string; readonly kind: TrafficKind };
  readonly endpoints: readonly EndpointFate[];
  /** Where the Service has client affinity: for how long it remembers, and whether it led this packet. */
  readonly affinity?: { readonly seconds: number; readonly remembered?: string; readonly held: boolean };
}

const traceModes = Object.keys(engines) as ProxyMode[];

export { traceModes };

/**
 * By which interfaces packets come to a node, as far as its local detector knows: its own pods' by the bridge, or one
 * whose name begins so; all others' by another one.
 */
function linksOf({ localDetector, localDetection }: TraceConfig): { pod: string; other: string } {
  const known = localDetector ?? localDetection;
  switch (known?.by) {
    case 'interface':
      return { pod: known.name, other: 'the uplink' };
    case 'interface-prefix':
      return { pod: `${known.prefix}0`, other: 'the uplink' };
    default:
      return { pod: unknownInterface, other: unknownInterface };
  }
}

/**
 * Holds the rules of the nodes a packet comes by, made when the first packet meets them; packets after it cost a walk.
 */
export class Tracer {
  readonly #input: TraceInput;
  readonly #config: TraceConfig;
  readonly #places = new Map<string, Place>();
  readonly #nodes: ReadonlyMap<string, KubeObject>;
  readonly #ports = new Map<string, readonly ServicePort[]>();
  readonly #pasted: { readonly node: string; readonly dump: RuleDump } | undefined;
  readonly #serviceRanges: readonly Cidr[];
  readonly #engines = new Map<string, RuleEngine>();
  /** Of the packet under way: the names that the modes give to "this source goes to that endpoint". */
  #lists: ReadonlySet<string> = new Set();

  /** `pasted`: what a node really holds, walked in place of the rules made for it. */
  constructor(input: TraceInput, config: TraceConfig, pasted?: { readonly node: string; readonly dump: RuleDump }) {
    this.#pasted = pasted;
    this.#input = input;
    this.#config = config;
    this.#serviceRanges = (config.serviceCIDRs ?? []).flatMap((range) => parseCidr(range) ?? []);
    this.#nodes = new Map(input.nodes.map((node) => [node.metadata.name!, node]));
    for (const service of input.services) {
      const { spec = {}, status = {} } = service as any;
      const ips = [...(spec.clusterIPs ?? [spec.clusterIP]), ...(spec.externalIPs ?? [])];
      // With ipMode Proxy the load balancer itself has the address, and packets go out to it.
      for (const { ip, ipMode } of status.loadBalancer?.ingress ?? []) if (ipMode !== 'Proxy') ips.push(ip);
      for (const ip of ips) if (ip && ip !== 'None') this.#places.set(ip, { kind: 'service' });
    }
    for (const node of input.nodes) {
      const name = node.metadata.name!;
      const own = [...nodeView(node).ips, ...gateways(node)];
      for (const ip of own) this.#places.set(ip, { kind: 'node', name });
    }
    for (const pod of input.pods) {
      const { hostNetwork, nodeName } = pod['spec'] ?? {};
      if (hostNetwork || !nodeName || ['Succeeded', 'Failed'].includes(pod['status']?.phase)) continue;
      const { namespace = '', name = '' } = pod.metadata;
      for (const { ip } of pod['status']?.podIPs ?? [])
        this.#places.set(ip, { kind: 'pod', namespace, name, node: nodeName });
    }
  }

  place(ip: string): Place {
    const known = this.#places.get(ip);
    if (known) return known;
    // Addresses of the Services' range lead nowhere, whether a Service has them or not.
    const ofServices = this.#serviceRanges.some((range) => cidrContains(range, ip));
    return { kind: ofServices ? 'service' : 'outside' };
  }

  /** @throws TraceError for rules the walk cannot read. */
  trace(mode: ProxyMode, connection: TracedConnection, origin: Origin, seed = '1'): Trace {
    const full = { sourcePort: 40_000, ...connection };
    const links = linksOf(this.#config);
    const packet: TracedPacket = {
      ...full,
      mark: 0,
      state: 'NEW',
      translated: false,
      bridged: origin.kind === 'pod',
      outInterface: unknownInterface,
      ...(origin.kind === 'node' ? {} : { inInterface: origin.kind === 'pod' ? links.pod : links.other }),
    };
    const network: TraceNetwork = {
      link: links.other,
      place: (ip) => this.place(ip),
      node: (name) => ({ engine: this.#engine(mode, name), isLocal: (ip) => this.#isLocal(name, ip) }),
    };
    this.#lists = this.#listsOf(full, origin.node);
    const paths = merged(walkPaths(network, origin, packet));
    const outcomes = paths.map((path) => outcomeOf(path, packet));
    const chosen = draw(outcomes, seed);
    const path = paths[chosen]!;
    const steps = path.steps();
    // Whose rules took it: not the first node's when it was sent to another's node port.
    const taker = steps.find(({ translation }) => translation?.kind === 'DNAT')?.node ?? origin.node;
    const captured = this.#capturedBy(full, taker);
    const odds = new Map<string, number>();
    for (const each of outcomes) odds.set(each.destination, (odds.get(each.destination) ?? 0) + each.odds);
    const held = full.remembered !== undefined && outcomes.every(({ destination }) => destination === full.remembered);
    const { conntrack, reply } = answers(packet, path, outcomes[chosen]!, steps);
    return {
      mode,
      node: origin.node,
      connection: full,
      rules: this.#engine(mode, origin.node).size,
      outcomes,
      chosen,
      steps,
      ...(conntrack === undefined ? {} : { conntrack }),
      reply,
      ...(captured === undefined
        ? { endpoints: [] }
        : {
            service: { name: captured.port.name, protocol: captured.port.protocol, kind: captured.kind },
            endpoints: endpointFates(
              captured.port,
              nodeView(this.#nodeObject(taker)),
              captured.kind,
              odds,
              held ? full.remembered : undefined,
            ),
            ...affinityOf(captured.port, full.remembered, held),
          }),
    };
  }

  /** What `remembered` is called in each mode: a list of `recent`, a set, a persistence template of IPVS. */
  #listsOf(connection: TracedConnection, node: string): ReadonlySet<string> {
    const { remembered } = connection;
    const port = remembered === undefined ? undefined : this.#capturedBy(connection, node)?.port;
    const endpoint = port?.endpoints.find(({ address }) => address === remembered);
    if (!port || !endpoint) return new Set();
    const asked = joinHostPort(connection.destination, connection.destinationPort);
    return new Set([
      endpointChain(port.name, port.protocol, endpoint.address),
      affinitySet(port, endpoint),
      persistenceOf(asked, endpoint.address),
    ]);
  }

  #engine(mode: ProxyMode, name: string): RuleEngine {
    const key = `${mode} ${name}`;
    const known = this.#engines.get(key);
    if (known) return known;
    const world = {
      isLocal: (ip: string) => this.#isLocal(name, ip),
      remembers: (list: string) => this.#lists.has(list),
      masqueradeAddress: (destination: string) => this.#masqueradeAddress(name, destination),
    };
    if (this.#pasted?.node === name && this.#pasted.dump.mode === mode) {
      const engine = dumpEngine(this.#pasted.dump, world);
      this.#engines.set(key, engine);
      return engine;
    }
    const make = engines[mode];
    if (!make) throw new Error(`mode ${mode} cannot be traced; ${traceModes.join(', ')} can`);
    const config = withModeDefaults(mode, { ...this.#config, node: nodeView(this.#nodeObject(name)) });
    const hostPorts = nodeHostPortRules(this.#input.pods, this.#nodeObject(name), this.#config.family);
    const engine = make(this.#servicePorts(name), config, world, hostPorts);
    this.#engines.set(key, engine);
    return engine;
  }

  #nodeObject(name: string): KubeObject {
    const node = this.#nodes.get(name);
    if (!node) throw new Error(`nodes "${name}" not found`);
    return node;
  }

  #servicePorts(node: string): readonly ServicePort[] {
    let ports = this.#ports.get(node);
    if (!ports) {
      ports = servicePorts(
        this.#input.services,
        this.#input.endpointSlices,
        this.#config.family,
        nodeView(this.#nodeObject(node)),
      );
      this.#ports.set(node, ports);
    }
    return ports;
  }

  #isLocal(node: string, ip: string): boolean {
    if (ip.startsWith('127.') || ip === '::1') return true;
    const place = this.place(ip);
    return place.kind === 'node' && place.name === node;
  }

  #isNode(node: string, ip: string): boolean {
    return this.place(ip).kind === 'node' || this.#isLocal(node, ip);
  }

  /** The interface towards a pod of this node is the pod network's; towards all others it is the node's own. */
  #masqueradeAddress(node: string, destination: string): string {
    const object = this.#nodeObject(node);
    const six = this.#config.family === 'IPv6';
    const ofFamily = (ip: string) => ip.includes(':') === six;
    const place = this.place(destination);
    const inner = place.kind === 'pod' && place.node === node ? gateways(object).find(ofFamily) : undefined;
    return inner ?? nodeView(object).ips.find(ofFamily) ?? (six ? '::1' : '127.0.0.1');
  }

  /** The service port that an address and port belong to, as the node's rules see it. */
  #capturedBy(connection: TracedConnection, node: string): { port: ServicePort; kind: TrafficKind } | undefined {
    const { destination, destinationPort, protocol } = connection;
    for (const port of this.#servicePorts(node)) {
      if (port.protocol.toLowerCase() !== protocol) continue;
      if (port.port === destinationPort) {
        if (port.clusterIP === destination) return { port, kind: 'internal' };
        if (port.externalIPs.includes(destination) || port.loadBalancerVIPs.includes(destination))
          return { port, kind: 'external' };
      }
      if (port.nodePort === destinationPort && this.#isNode(node, destination)) return { port, kind: 'external' };
    }
    return undefined;
  }
}

/** The first address of each of the node's pod ranges: its own end of the pod network (bridge and ptp plugins alike). */
function gateways(node: KubeObject): string[] {
  const ranges: string[] = node['spec']?.podCIDRs ?? (node['spec']?.podCIDR ? [node['spec'].podCIDR] : []);
  return ranges.flatMap((range) => {
    const cidr = parseCidr(range);
    return cidr ? [firstOf(range)] : [];
  });
}

function firstOf(range: string): string {
  const [base = ''] = range.split('/');
  return base.endsWith('::') ? `${base}1` : base.replace(/\d+$/, (last) => String(Number(last) + 1));
}

/** Dice thrown twice may end alike: the affinity's and the plain way to an endpoint. */
function merged(paths: readonly Path[]): Path[] {
  const byEnd = new Map<string, Path>();
  for (const path of paths) {
    const key = JSON.stringify([path.end, path.packet.source, destinationOf(path.packet)]);
    const before = byEnd.get(key);
    byEnd.set(key, before ? { ...before, odds: before.odds + path.odds } : path);
  }
  return [...byEnd.values()];
}

function affinityOf(port: ServicePort, remembered: string | undefined, held: boolean): Pick<Trace, 'affinity'> {
  const seconds = port.sessionAffinitySeconds;
  if (seconds === undefined) return {};
  return { affinity: { seconds, held, ...(remembered === undefined ? {} : { remembered }) } };
}

function outcomeOf({ odds, packet, end, tried }: Path, sent: TracedPacket): Outcome {
  const destination = destinationOf(packet);
  return {
    odds,
    end,
    destination,
    source: packet.source,
    ...(destination === destinationOf(sent) ? {} : { dnat: `${destinationOf(sent)} → ${destination}` }),
    ...(packet.source === sent.source ? {} : { snat: `${sent.source} → ${packet.source}` }),
    tried,
  };
}

function draw(outcomes: readonly Outcome[], seed: string): number {
  const at = new Prng(`trace/${seed}`).uint32() / 2 ** 32;
  let sum = 0;
  for (const [i, { odds }] of outcomes.entries()) {
    sum += odds;
    if (sum > at) return i;
  }
  return outcomes.length - 1;
}

/** How the answer finds its way back, where the packet arrived at all. */
function answers(
  sent: TracedPacket,
  path: Path,
  outcome: Outcome,
  steps: readonly PathStep[],
): { conntrack?: ConntrackEntry; reply: string[] } {
  const { end, packet } = path;
  if (end.kind === 'dropped' || end.kind === 'rejected' || end.kind === 'lost') return { reply: [] };
  const conntrack: ConntrackEntry = {
    protocol: sent.protocol,
    original: {
      source: sent.source,
      destination: sent.destination,
      sourcePort: sent.sourcePort,
      destinationPort: sent.destinationPort,
    },
    reply: {
      source: packet.destination,
      destination: packet.source,
      sourcePort: packet.destinationPort,
      destinationPort: packet.sourcePort,
    },
  };
  const service = destinationOf(sent);
  const client = joinHostPort(sent.source, sent.sourcePort);
  const reply = [`${outcome.destination} answers ${packet.source}`];
  const translator = (kind: 'DNAT' | 'SNAT') => steps.find(({ translation }) => translation?.kind === kind)?.node;
  if (outcome.snat !== undefined) {
    reply.push(
      `${packet.source} is ${translator('SNAT')}'s: conntrack there knows the answer and sends it on to ${client}`,
    );
  }
  if (outcome.dnat !== undefined) {
    reply.push(
      `conntrack on ${translator('DNAT')} gives it the source ${service} again, so ${sent.source} sees an answer from whom it asked`,
    );
  }
  return { conntrack, reply };
}
