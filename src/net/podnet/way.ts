/**
 * A packet's way from a pod or a node to another, looked up in the tables of the model hop by hop, as the kernel does:
 * longest prefix first, then neighbour, then FDB. Nothing here knows a backend: what has no route gets none.
 */
import { cidrContains, parseCidr } from '../addresses.ts';
import { frameOf, type Outer } from './frame.ts';
import { type Header, type InnerProtocol, transportSize } from './headers.ts';
import { flowPort } from './names.ts';
import { masqueradedBy } from './nat.ts';
import type { NodeNetwork, PodNetEnd, PodNetInterface, PodNetRoute, PodNetwork } from './types.ts';

export type WayEnd = { readonly pod: PodNetEnd; readonly node: NodeNetwork } | { readonly node: NodeNetwork };

export interface WayRequest {
  /** Bytes of the IP packet that is sent. Default: as many as the sender's interface takes. */
  readonly size?: number;
  /**
   * Default: as Linux does. What fits the sender's interface goes out with "don't fragment"; of more, TCP makes several
   * segments, and UDP and ICMP let their own stack make fragments. True: IP_PMTUDISC_DO. False: IP_PMTUDISC_DONT.
   */
  readonly dontFragment?: boolean;
  readonly protocol?: InnerProtocol;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
}

export interface Hop {
  /** `pod default/a`, `node node-1`, `network`. */
  readonly at: string;
  readonly space: 'user' | 'kernel' | 'wire';
  readonly what: string;
  /** The very route, as `ip route` prints it. */
  readonly route?: PodNetRoute;
  /** Bytes of each packet here, from the IP header on: the outer one when there is one. */
  readonly sizes: readonly number[];
  /** Of the packet as pods see it. */
  readonly ttl: number;
  /** Times that the packet's bytes are copied between kernel and a program. */
  readonly copies?: number;
  /** Times that the kernel leaves one program for another because of this packet. */
  readonly switches?: number;
  readonly frame?: readonly Header[];
}

export interface Way {
  readonly hops: readonly Hop[];
  readonly arrived: boolean;
  readonly reason?: string;
  readonly fix?: string;
  /** The sender's address as the last one sees it. */
  readonly seenAs: string;
  /** MTU of the sender's interface. */
  readonly mtu: number;
  /** Bytes that go over the wire in front of the packet as it was sent, its own Ethernet header aside. */
  readonly overhead: number;
  /** Copies between kernel and programs, the sender's and the receiver's included. */
  readonly copies: number;
  readonly switches: number;
  /** Routers on the way, as the time to live counts. */
  readonly routers: number;
}

interface Packet {
  /** As whoever has the packet now sees it. */
  source: string;
  readonly destination: string;
  ttl: number;
  sizes: number[];
}

const firstTtl = 64;

export function packetWay(network: PodNetwork, from: WayEnd, to: WayEnd, request: WayRequest = {}): Way {
  return new Walk(network, from, to, request).run();
}

export const endIp = (end: WayEnd): string => ('pod' in end ? end.pod.pod.ip : end.node.node.ip);

/** Longest prefix; undefined when even the default route is missing. */
export function lookupRoute(routes: readonly PodNetRoute[], ip: string): PodNetRoute | undefined {
  let best: PodNetRoute | undefined;
  let longest = -1;
  for (const route of routes) {
    const cidr = parseCidr(route.dst === 'default' ? '0.0.0.0/0' : route.dst);
    if (!cidr || !cidrContains(cidr, ip) || cidr.prefix <= longest) continue;
    best = route;
    longest = cidr.prefix;
  }
  return best;
}

/** Sizes of the fragments of one packet: the data of all but the last are a multiple of eight bytes. */
export function fragmentSizes(size: number, mtu: number): number[] {
  if (size <= mtu) return [size];
  const room = Math.floor((mtu - 20) / 8) * 8;
  const out: number[] = [];
  for (let rest = size - 20; rest > 0; rest -= room) out.push(20 + Math.min(room, rest));
  return out;
}

class Stop extends Error {
  readonly fix: string;
  constructor(reason: string, fix: string) {
    super(reason);
    this.fix = fix;
  }
}

class Walk {
  readonly #network: PodNetwork;
  readonly #from: WayEnd;
  readonly #to: WayEnd;
  readonly #request: Required<Omit<WayRequest, 'dontFragment'>>;
  readonly #asked: boolean | undefined;
  #dontFragment: boolean;
  readonly #packet: Packet;
  readonly #mtu: number;
  readonly #hops: Hop[] = [];
  #overhead = 0;

  constructor(network: PodNetwork, from: WayEnd, to: WayEnd, request: WayRequest) {
    this.#network = network;
    this.#from = from;
    this.#to = to;
    const destination = endIp(to);
    const card = 'pod' in from ? undefined : this.#leaving(from.node, destination);
    // A node speaks from the address of the interface it sends by: to pods, flannel's own.
    const source = card ? (card.addresses[0] ?? endIp(from)).split('/')[0]! : endIp(from);
    this.#mtu = 'pod' in from ? from.pod.mtu : card!.mtu;
    this.#request = {
      size: this.#mtu,
      protocol: 'tcp',
      sourcePort: 40_000,
      destinationPort: 8080,
      ...Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined)),
    };
    this.#asked = request.dontFragment;
    this.#dontFragment = request.dontFragment ?? true;
    this.#packet = { source, destination, ttl: firstTtl, sizes: [this.#request.size] };
  }

  run(): Way {
    let failure: Stop | undefined;
    try {
      this.#send();
    } catch (error) {
      if (!(error instanceof Stop)) throw error;
      failure = error;
    }
    const sum = (of: (hop: Hop) => number | undefined) => this.#hops.reduce((all, hop) => all + (of(hop) ?? 0), 0);
    return {
      hops: this.#hops,
      arrived: failure === undefined,
      ...(failure && { reason: failure.message, fix: failure.fix }),
      seenAs: this.#packet.source,
      mtu: this.#mtu,
      overhead: this.#overhead,
      copies: sum(({ copies }) => copies),
      switches: sum(({ switches }) => switches),
      routers: firstTtl - this.#packet.ttl,
    };
  }

  #hop(at: string, space: Hop['space'], what: string, more: Partial<Hop> = {}): void {
    this.#hops.push({ at, space, what, sizes: [...this.#packet.sizes], ttl: this.#packet.ttl, ...more });
  }

  #leaving(node: NodeNetwork, ip: string): PodNetInterface {
    const route = lookupRoute(node.routes, ip);
    return node.interfaces.find(({ name }) => name === route?.dev) ?? node.interfaces[1]!;
  }

  #send(): void {
    const from = this.#from;
    const { protocol } = this.#request;
    const at = 'pod' in from ? podText(from.pod) : nodeText(from.node);
    this.#hop(at, 'user', `the program writes; the kernel makes a ${protocol.toUpperCase()} packet of it`, {
      copies: 1,
    });
    if ('pod' in from) this.#outOfPod(from.pod, from.node);
    else if (this.#isLocal(from.node, this.#packet.destination)) this.#arrive(nodeText(from.node));
    else this.#route(from.node, true);
  }

  /** The sender's own stack answers for what is too big, before anything leaves. */
  #outOfPod(end: PodNetEnd, node: NodeNetwork): void {
    const { destination } = this.#packet;
    const at = podText(end);
    if (destination === end.pod.ip) {
      this.#arrive(at);
      return;
    }
    const route = lookupRoute(end.routes, destination)!;
    this.#fit(end.mtu, at, 'eth0', true);
    const next = route.via ?? destination;
    const port = node.interfaces.find(({ name }) => name === end.veth)!;
    this.#hop(
      at,
      'kernel',
      `route lookup: ${route.via ? `the gateway ${next}` : `${next} is on the link`}, out by eth0`,
      {
        route,
      },
    );
    const bridge = port.master === undefined ? undefined : node.interfaces.find(({ name }) => name === port.master)!;
    const where = nodeText(node);
    if (!bridge) {
      this.#hop(where, 'kernel', `comes out of ${port.name} (${port.mac}), the other end of the pod’s eth0`);
      this.#input(node);
      return;
    }
    this.#hop(where, 'kernel', `comes out of ${port.name}, a port of the bridge ${bridge.name}`);
    const neighbour = route.via === undefined ? node.pods.find(({ pod }) => pod.ip === destination) : undefined;
    if (route.via === undefined && !neighbour && destination !== node.gateway) {
      throw new Stop(
        `nobody on ${bridge.name} answers the ARP request for ${destination}`,
        'the address is of this node’s range, but no pod has it',
      );
    }
    if (neighbour) {
      this.#hop(where, 'kernel', `${bridge.name} knows ${neighbour.mac} behind ${neighbour.veth}: bridged, not routed`);
      this.#arrive(podText(neighbour));
      return;
    }
    this.#hop(where, 'kernel', `sent to ${bridge.name}’s own address ${bridge.mac}: up to the node’s IP`);
    this.#input(node);
  }

  /** A packet from outside or a pod, at the node's IP layer. */
  #input(node: NodeNetwork): void {
    if (this.#isLocal(node, this.#packet.destination)) this.#arrive(nodeText(node));
    else {
      this.#packet.ttl--;
      this.#route(node, false);
    }
  }

  #isLocal(node: NodeNetwork, ip: string): boolean {
    return node.interfaces.some(({ addresses }) => addresses.some((address) => address.split('/')[0] === ip));
  }

  #route(node: NodeNetwork, own: boolean): void {
    const { destination } = this.#packet;
    const at = nodeText(node);
    const route = lookupRoute(node.routes, destination)!;
    const out = node.interfaces.find(({ name }) => name === route.dev)!;
    this.#hop(at, 'kernel', `route lookup for ${destination}: out by ${out.name}`, { route });
    this.#fit(out.mtu, at, out.name, own);
    this.#masquerade(node, out);
    if (out.kind === 'vxlan') this.#vxlan(node, out, route);
    else if (out.kind === 'tun') this.#daemon(node, out);
    else if (out.kind === 'card') this.#wire(node, route);
    else this.#toPod(node, out);
  }

  #masquerade(node: NodeNetwork, out: PodNetInterface): void {
    const { source, destination } = this.#packet;
    const rule = masqueradedBy(node, source, destination);
    const address = out.addresses[0]?.split('/')[0];
    if (rule === undefined || address === undefined || address === source) return;
    this.#hop(nodeText(node), 'kernel', `masqueraded: source ${source} becomes ${address}, by ${rule}`);
    this.#packet.source = address;
  }

  #toPod(node: NodeNetwork, out: PodNetInterface): void {
    const { destination } = this.#packet;
    const end = node.pods.find(({ pod }) => pod.ip === destination);
    if (!end) {
      throw new Stop(
        `nobody on ${out.name} of ${node.node.name} answers the ARP request for ${destination}`,
        'the address is of that node’s range, but no pod has it',
      );
    }
    const by =
      out.kind === 'bridge' ? `${out.name} passes it to ${end.veth}, the pod’s port` : `${end.veth} leads into the pod`;
    this.#hop(nodeText(node), 'kernel', by);
    this.#arrive(podText(end));
  }

  #arrive(at: string): void {
    const pieces = this.#packet.sizes.length;
    const first = pieces > 1 && !this.#dontFragment ? `${pieces} fragments are put together; ` : '';
    this.#hop(at, 'user', `${first}arrives: the program reads it, from ${this.#packet.source}`, { copies: 1 });
  }

  #vxlan(node: NodeNetwork, out: PodNetInterface, route: PodNetRoute): void {
    const at = nodeText(node);
    const { destination } = this.#packet;
    const next = route.via ?? destination;
    const neighbour = node.neighbours.find(({ ip, dev }) => ip === next && dev === out.name);
    const entry = node.fdb.find(({ mac, dev }) => mac === neighbour?.mac && dev === out.name);
    if (!neighbour || !entry) {
      throw new Stop(
        `${out.name} of ${node.node.name} has no neighbour entry for ${next}, and flanneld answers no ARP`,
        'flanneld writes it when the other node’s lease appears: is flanneld running on both?',
      );
    }
    this.#hop(at, 'kernel', `neighbour ${next} is ${neighbour.mac}; the FDB has that behind ${entry.dst}`);
    const { id, local, port } = out.vxlan!;
    const { source, sourcePort, destinationPort } = { ...this.#packet, ...this.#request };
    this.#encapsulate(node, {
      kind: 'vxlan',
      source: local,
      destination: entry.dst,
      sourcePort: flowPort(`${source} ${destination} ${sourcePort} ${destinationPort}`),
      destinationPort: port,
      vni: id,
      innerSource: out.mac!,
      innerDestination: neighbour.mac,
    });
  }

  #daemon(node: NodeNetwork, out: PodNetInterface): void {
    const { port, routes } = node.daemon!;
    const at = nodeText(node);
    this.#hop(at, 'user', `flanneld wakes up and reads the packet from ${out.name}`, { copies: 1, switches: 1 });
    const found = routes.find(({ dst }) => cidrContains(parseCidr(dst)!, this.#packet.destination));
    if (!found) {
      throw new Stop(
        `flanneld on ${node.node.name} has no lease for ${this.#packet.destination} and answers ICMP net unreachable`,
        'no node has that range',
      );
    }
    this.#packet.ttl--;
    this.#hop(
      at,
      'user',
      `flanneld: ${found.dst} is at ${found.to}; it counts the time to live down itself and writes to its UDP socket`,
      {
        copies: 1,
        switches: 1,
      },
    );
    this.#encapsulate(node, {
      kind: 'udp',
      source: node.node.ip,
      destination: found.to,
      sourcePort: port,
      destinationPort: port,
    });
  }

  #encapsulate(node: NodeNetwork, outer: Outer): void {
    const added = outer.kind === 'vxlan' ? 50 : 28;
    this.#overhead += added;
    const inner = this.#packet.sizes;
    this.#packet.sizes = inner.map((size) => size + added);
    const at = nodeText(node);
    const what =
      outer.kind === 'vxlan'
        ? `${added} bytes in front: inner Ethernet 14, VXLAN 8, UDP 8 to port ${outer.destinationPort}, IP 20 to ${outer.destination}`
        : `${added} bytes in front: UDP 8 to port ${outer.destinationPort}, IP 20 to ${outer.destination}`;
    this.#hop(at, 'kernel', what);
    const route = lookupRoute(node.routes, outer.destination)!;
    const card = node.interfaces.find(({ name }) => name === route.dev)!;
    this.#hop(at, 'kernel', `route lookup for ${outer.destination}: out by ${card.name}`, { route });
    // The kernel's VXLAN lets its outer packets be fragmented; flanneld's socket does not.
    const before = this.#packet.sizes;
    if (before.some((size) => size > card.mtu)) {
      if (outer.kind === 'udp') {
        throw new Stop(
          `the outer packet of ${Math.max(...before)} bytes does not fit ${card.name} (MTU ${card.mtu}): flanneld logs "UDP send to ${outer.destination}:${outer.destinationPort} failed: Message too long"`,
          `give pods an MTU of ${card.mtu - added}`,
        );
      }
      this.#packet.sizes = before.flatMap((size) => fragmentSizes(size, card.mtu));
      this.#hop(
        at,
        'kernel',
        `too big for ${card.name} (MTU ${card.mtu}): the outer packet leaves in ${this.#packet.sizes.length} fragments`,
      );
    }
    const frame = frameOf(this.#network, node, route, this.#inner(), outer, inner[0]!);
    this.#cross(node, route, outer.destination, frame, (other) => {
      const where = nodeText(other);
      if (this.#packet.sizes.length > inner.length)
        this.#hop(where, 'kernel', `the fragments of the outer packet are put together`);
      this.#packet.sizes = inner;
      if (outer.kind === 'vxlan') {
        this.#hop(
          where,
          'kernel',
          `UDP port ${outer.destinationPort} is the kernel’s own: headers off, the packet comes out of flannel.${outer.vni}`,
        );
      } else {
        this.#hop(where, 'user', `flanneld wakes up and reads it from its UDP socket`, { copies: 1, switches: 1 });
        this.#packet.ttl--;
        this.#hop(where, 'user', 'flanneld counts the time to live down and writes it to flannel0', {
          copies: 1,
          switches: 1,
        });
      }
      this.#input(other);
    });
  }

  #inner() {
    return { ...this.#packet, ...this.#request, dontFragment: this.#dontFragment };
  }

  /** As it is, by the node's card: to a node, by a node's route, or to whatever the router makes of it. */
  #wire(node: NodeNetwork, route: PodNetRoute): void {
    const frame = frameOf(this.#network, node, route, this.#inner(), undefined, this.#packet.sizes[0]!);
    this.#cross(node, route, this.#packet.destination, frame, (other) => this.#input(other));
  }

  #cross(
    node: NodeNetwork,
    route: PodNetRoute,
    destination: string,
    frame: readonly Header[],
    arrive: (other: NodeNetwork) => void,
  ): void {
    const next = route.via ?? destination;
    const size = Math.max(...this.#packet.sizes) + 14;
    const at = (ip: string) => this.#network.nodes.find(({ node: each }) => each.ip === ip);
    const neighbour = at(next);
    if (neighbour) {
      this.#hop('network', 'wire', `${size} bytes with Ethernet, to ${next} (${neighbour.node.name})`, { frame });
      arrive(neighbour);
      return;
    }
    this.#hop('network', 'wire', `${size} bytes with Ethernet, to the router ${next}`, { frame });
    const target = at(destination) ?? this.#byCloudRoute(destination);
    if (!target) throw this.#noRoute(node, destination);
    // An outer header is counted down on the way; the packet that pods see is not, inside of it.
    if (destination === this.#packet.destination) this.#packet.ttl--;
    this.#hop(
      'network',
      'wire',
      `the router knows ${destination === target.node.ip ? target.node.name : `that ${target.node.podCIDR} is at ${target.node.name}`}`,
    );
    arrive(target);
  }

  #byCloudRoute(destination: string): NodeNetwork | undefined {
    return this.#network.nodes.find(
      ({ node }) =>
        (this.#network.settings.routes === 'cloud' || node.cloudRoute) &&
        cidrContains(parseCidr(node.podCIDR)!, destination),
    );
  }

  #noRoute(node: NodeNetwork, destination: string): Stop {
    const target = this.#network.nodes.find((each) => cidrContains(parseCidr(each.node.podCIDR)!, destination));
    if (!target)
      return new Stop(
        `no node has the address ${destination}: the router has no route to it`,
        'ask for a pod of the cluster',
      );
    const { podCIDR, ip, name } = target.node;
    const refused = node.refused.find(({ route }) => route.via === ip);
    if (refused) {
      return new Stop(
        `${node.node.name} has no route to ${podCIDR}: ${name} (${ip}) is in another network, so the kernel refuses it as a gateway, and the router between them knows nothing of pods`,
        'put the nodes into one network, teach the routers the ranges of pods (BGP, a cloud’s routes), or use a backend that encapsulates (vxlan, udp)',
      );
    }
    return new Stop(
      `${node.node.name} has no route to ${podCIDR}, the range of ${name}: by its default route the packet goes to a router that knows nothing of pods`,
      `a route on each node (ip route add ${podCIDR} via ${ip}: flannel host-gw and kindnet write them), a cloud’s routes (node condition NetworkUnavailable=False, RouteCreated), or a backend that encapsulates (vxlan, udp)`,
    );
  }

  /** Makes it fit, or says why it cannot. `own`: in the sender's own stack. */
  #fit(mtu: number, at: string, device: string, own: boolean): void {
    const { sizes, source } = this.#packet;
    const biggest = Math.max(...sizes);
    if (biggest <= mtu) return;
    const tooBig = `${biggest} bytes do not fit ${device} (MTU ${mtu})`;
    if (own && this.#asked === undefined && this.#request.protocol === 'tcp') {
      this.#packet.sizes = segmentSizes(biggest, mtu);
      this.#hop(at, 'kernel', `${tooBig}: TCP makes ${this.#packet.sizes.length} segments`);
      return;
    }
    if (own && this.#asked === undefined) this.#dontFragment = false;
    if (!this.#dontFragment) {
      this.#packet.sizes = sizes.flatMap((size) => fragmentSizes(size, mtu));
      this.#hop(at, 'kernel', `${tooBig}: ${this.#packet.sizes.length} fragments`);
      return;
    }
    if (own) {
      throw new Stop(
        `${tooBig}, and the packet says don't fragment: the program's write fails with EMSGSIZE (Message too long)`,
        `send at most ${mtu} bytes, or --no-df to let the packet be fragmented`,
      );
    }
    throw new Stop(
      `${tooBig}, and the packet says don't fragment: ${at} drops it and answers ${source} with ICMP "fragmentation needed, MTU ${mtu}"`,
      `give pods an MTU of ${mtu}; where something on the way drops ICMP, connections hang as soon as they send more`,
    );
  }
}

/** One write of TCP's in segments that fit, each with headers of its own. */
function segmentSizes(size: number, mtu: number): number[] {
  const headers = 20 + transportSize.tcp;
  const out: number[] = [];
  for (let rest = size - headers; rest > 0; rest -= mtu - headers) out.push(headers + Math.min(mtu - headers, rest));
  return out;
}

const podText = ({ pod }: PodNetEnd): string => `pod ${pod.namespace}/${pod.name}`;
const nodeText = ({ node }: NodeNetwork): string => `node ${node.name}`;
