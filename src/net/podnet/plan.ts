/**
 * What the plugins leave on every node: pure, from nodes, pods and settings. Upstream: containernetworking/plugins
 * plugins/main/{bridge,ptp}, flannel-io/cni-plugin (which hands on to bridge), flannel pkg/backend/{udp,vxlan,hostgw}.
 */
import { type Cidr, cidrContains, formatCidr, numberToIp, parseCidr } from '../addresses.ts';
import { flannelRules, pluginMasquerade } from './masquerade.ts';
import { cardMac, podMac, vethMac, vethName, vtepMac } from './names.ts';
import { writeSubnetEnv } from './net-conf.ts';
import {
  type NodeNetwork,
  type PodNetBackend,
  type PodNetEnd,
  PodNetError,
  type PodNetFdbEntry,
  type PodNetInterface,
  type PodNetNeighbour,
  type PodNetNode,
  type PodNetPod,
  type PodNetRoute,
  type PodNetSettings,
  type PodNetSysctl,
  type PodNetwork,
} from './types.ts';

const flannel: readonly PodNetBackend[] = ['udp', 'vxlan', 'host-gw'];

/** Bytes that a backend's headers take of each packet. Upstream: `encapOverhead` of each backend. */
export const encapOverhead: Readonly<Record<PodNetBackend, number>> = {
  bridge: 0,
  ptp: 0,
  // 20 bytes of IP, 8 of UDP.
  udp: 28,
  // 20 bytes of IP, 8 of UDP, 8 of VXLAN, 14 of the inner Ethernet.
  vxlan: 50,
  'host-gw': 0,
};

const card = 'eth0';

/** @throws PodNetError for what cannot be: ranges that are none, a node without one. */
export function planPodNetwork(
  nodes: readonly PodNetNode[],
  pods: readonly PodNetPod[],
  settings: PodNetSettings,
): PodNetwork {
  const nodeMtu = settings.nodeMtu ?? 1500;
  if (nodeMtu < 576) throw new PodNetError(`an MTU of ${nodeMtu} is less than IPv4 needs (576)`);
  const network = cidrOf(settings.network, 'the pod network');
  const given = (settings.nodeSubnets ?? []).map((text) => cidrOf(text, "a network of the nodes'"));
  const subnetOf = (ip: string): Cidr => given.find((each) => cidrContains(each, ip)) ?? parseCidr(`${ip}/24`)!;
  for (const node of nodes) {
    const own = cidrOf(node.podCIDR, `the pod range of node ${node.name}`);
    // kubeSubnetManager.WatchLease refuses it the same way.
    if (flannel.includes(settings.backend) && !cidrContains(network, numberToIp(own.base, 'IPv4'))) {
      throw new PodNetError(
        `subnet "${settings.network}" specified in the flannel net config doesn't contain "${node.podCIDR}" PodCIDR of the "${node.name}" node`,
      );
    }
  }
  const nodeSubnets = [...new Set(nodes.map(({ ip }) => formatCidr(subnetOf(ip))))];
  const full = { ...settings, nodeMtu, nodeSubnets };
  const planned = nodes.map((node) => {
    const own = pods.filter((pod) => pod.node === node.name);
    return new NodePlan(node, own, full, nodes, subnetOf).result();
  });
  return { settings: full, nodes: planned };
}

function cidrOf(text: string, what: string): Cidr {
  const cidr = parseCidr(text);
  if (!cidr) throw new PodNetError(`${what} is no CIDR: "${text}"`);
  if (cidr.family !== 'IPv4') throw new PodNetError(`${what} is IPv6 (${text}): the models are of IPv4`);
  return cidr;
}

class NodePlan {
  readonly #node: PodNetNode;
  readonly #settings: PodNetwork['settings'];
  readonly #others: readonly PodNetNode[];
  readonly #pods: readonly PodNetPod[];
  readonly #range: Cidr;
  readonly #gateway: string;
  readonly #podMtu: number;
  readonly #subnetOf: (ip: string) => Cidr;
  readonly #interfaces: PodNetInterface[] = [];
  readonly #routes: PodNetRoute[] = [];
  readonly #refused: NodeNetwork['refused'][number][] = [];
  readonly #neighbours: PodNetNeighbour[] = [];
  readonly #fdb: PodNetFdbEntry[] = [];
  readonly #sysctls: PodNetSysctl[] = [];

  constructor(
    node: PodNetNode,
    pods: readonly PodNetPod[],
    settings: PodNetwork['settings'],
    nodes: readonly PodNetNode[],
    subnetOf: (ip: string) => Cidr,
  ) {
    this.#node = node;
    this.#pods = pods;
    this.#settings = settings;
    this.#others = nodes.filter(({ name }) => name !== node.name);
    this.#subnetOf = subnetOf;
    this.#range = parseCidr(node.podCIDR)!;
    this.#gateway = numberToIp(this.#range.base + 1n, 'IPv4');
    const { backend, nodeMtu, podMtu } = settings;
    // The plugins by themselves take a veth's default, whatever the card can do; flannel looks at the card.
    this.#podMtu = podMtu ?? (flannel.includes(backend) ? nodeMtu - encapOverhead[backend] : 1500);
  }

  result(): NodeNetwork {
    const { backend, network, ipMasq = flannel.includes(backend) } = this.#settings;
    this.#ownCard();
    if (backend === 'vxlan') this.#vxlan();
    else if (backend === 'udp') this.#udp();
    else if (backend === 'host-gw' || this.#settings.routes === 'nodes') this.#nodeRoutes();
    const pods = this.#pods.map((pod) => (backend === 'ptp' ? this.#pointToPoint(pod) : this.#onBridge(pod)));
    if (backend !== 'ptp') this.#bridge();
    this.#sysctls.push({ key: 'net/ipv4/ip_forward', value: '1', why: 'else the node drops what is not for itself' });
    const isFlannel = flannel.includes(backend);
    const subnet = formatCidr(this.#range);
    return {
      node: this.#node,
      gateway: this.#gateway,
      podMtu: this.#podMtu,
      interfaces: this.#interfaces,
      routes: this.#routes,
      refused: this.#refused,
      neighbours: this.#neighbours,
      fdb: this.#fdb,
      sysctls: this.#sysctls,
      rules: isFlannel
        ? flannelRules(network, subnet, ipMasq)
        : ipMasq
          ? pluginMasquerade('cbr0', this.#pods, this.#range.prefix)
          : [],
      pods,
      ...(isFlannel && {
        subnetEnv: writeSubnetEnv({
          network,
          subnet: `${this.#gateway}/${this.#range.prefix}`,
          mtu: this.#settings.nodeMtu - encapOverhead[backend],
          ipMasq,
        }),
      }),
      ...(backend === 'udp' && {
        daemon: {
          port: this.#port(),
          routes: this.#others.map(({ podCIDR, ip }) => ({ dst: canonical(podCIDR), to: ip })),
        },
      }),
    };
  }

  #port(): number {
    return this.#settings.port ?? (this.#settings.backend === 'udp' ? 8285 : 8472);
  }

  /** The node's own network, which is there before any plugin. Its router has the first address. */
  #ownCard(): void {
    const { ip } = this.#node;
    const subnet = this.#subnetOf(ip);
    this.#interfaces.push(
      { name: 'lo', kind: 'loopback', mtu: 65_536, addresses: ['127.0.0.1/8'] },
      {
        name: card,
        kind: 'card',
        mac: cardMac(ip),
        mtu: this.#settings.nodeMtu,
        addresses: [`${ip}/${subnet.prefix}`],
      },
    );
    this.#routes.push(
      { dst: 'default', via: numberToIp(subnet.base + 1n, 'IPv4'), dev: card },
      { dst: formatCidr(subnet), dev: card, proto: 'kernel', scope: 'link', src: ip },
    );
  }

  #vxlan(): void {
    const { vni = 1, directRouting = false } = this.#settings;
    const name = `flannel.${vni}`;
    const { ip } = this.#node;
    this.#interfaces.push({
      name,
      kind: 'vxlan',
      mac: vtepOf(this.#node),
      mtu: this.#settings.nodeMtu - encapOverhead.vxlan,
      addresses: [`${numberToIp(this.#range.base, 'IPv4')}/32`],
      vxlan: { id: vni, local: ip, dev: card, port: this.#port() },
    });
    const key = `net/ipv6/conf/${name}/accept_ra`;
    this.#sysctls.push({ key, value: '0', why: 'routes of this device are flanneld’s alone' });
    for (const other of this.#others) {
      const dst = canonical(other.podCIDR);
      if (directRouting && this.#isNeighbour(other)) {
        this.#routes.push({ dst, via: other.ip, dev: card });
        continue;
      }
      // One route, one neighbour and one FDB entry for each other node: nothing is learned or asked for.
      const via = dst.split('/')[0]!;
      this.#routes.push({ dst, via, dev: name, onlink: true });
      this.#neighbours.push({ ip: via, mac: vtepOf(other), dev: name });
      this.#fdb.push({ mac: vtepOf(other), dst: other.ip, dev: name });
    }
  }

  #udp(): void {
    const { network, nodeMtu } = this.#settings;
    const address = numberToIp(this.#range.base, 'IPv4');
    const mtu = nodeMtu - encapOverhead.udp;
    this.#interfaces.push({ name: 'flannel0', kind: 'tun', mtu, addresses: [`${address}/32`] });
    this.#routes.push({ dst: canonical(network), dev: 'flannel0' });
  }

  #nodeRoutes(): void {
    for (const other of this.#others) {
      const route: PodNetRoute = { dst: canonical(other.podCIDR), via: other.ip, dev: card };
      if (this.#isNeighbour(other)) this.#routes.push(route);
      else this.#refused.push({ route, error: 'Error: Nexthop has invalid gateway.' });
    }
  }

  #isNeighbour(other: PodNetNode): boolean {
    return cidrContains(this.#subnetOf(this.#node.ip), other.ip);
  }

  /** cni0: the first address of the range; made with the first pod. */
  #bridge(): void {
    if (this.#pods.length === 0) return;
    const subnet = formatCidr(this.#range);
    const at = this.#interfaces.findIndex(({ kind }) => kind === 'veth');
    this.#interfaces.splice(at, 0, {
      name: 'cni0',
      kind: 'bridge',
      mac: podMac(this.#gateway),
      mtu: this.#podMtu,
      addresses: [`${this.#gateway}/${this.#range.prefix}`],
    });
    this.#routes.push({ dst: subnet, dev: 'cni0', proto: 'kernel', scope: 'link', src: this.#gateway });
    this.#sysctls.push(
      { key: 'net/ipv6/conf/cni0/accept_ra', value: '0', why: 'routes of the bridge are the plugin’s alone' },
      {
        key: 'net/bridge/bridge-nf-call-iptables',
        value: '1',
        why: 'else replies between pods of one bridge pass kube-proxy’s NAT by (set by the administrator, not by the plugin)',
      },
    );
  }

  #veth(pod: PodNetPod, master?: string): string {
    const key = `${pod.namespace}/${pod.name}`;
    const name = vethName(key);
    this.#interfaces.push({
      name,
      kind: 'veth',
      mac: vethMac(key),
      mtu: this.#podMtu,
      addresses: master === undefined ? [`${this.#gateway}/32`] : [],
      ...(master !== undefined && { master }),
      pod,
    });
    return name;
  }

  #end(pod: PodNetPod, veth: string, routes: readonly PodNetRoute[]): PodNetEnd {
    return {
      pod,
      mac: podMac(pod.ip),
      mtu: this.#podMtu,
      address: `${pod.ip}/${this.#range.prefix}`,
      routes,
      veth,
      vethMac: vethMac(`${pod.namespace}/${pod.name}`),
    };
  }

  #onBridge(pod: PodNetPod): PodNetEnd {
    const subnet = formatCidr(this.#range);
    const network = canonical(this.#settings.network);
    const routes: PodNetRoute[] = [
      { dst: 'default', via: this.#gateway, dev: 'eth0' },
      { dst: subnet, dev: 'eth0', proto: 'kernel', scope: 'link', src: pod.ip },
    ];
    // The flannel plugin hands the whole network on as a route besides, which the default route covers anyway.
    if (flannel.includes(this.#settings.backend) && network !== subnet)
      routes.push({ dst: network, via: this.#gateway, dev: 'eth0' });
    return this.#end(pod, this.#veth(pod, 'cni0'), routes);
  }

  #pointToPoint(pod: PodNetPod): PodNetEnd {
    const veth = this.#veth(pod);
    this.#routes.push({ dst: `${pod.ip}/32`, dev: veth, scope: 'host' });
    return this.#end(pod, veth, [
      { dst: 'default', via: this.#gateway, dev: 'eth0' },
      { dst: formatCidr(this.#range), via: this.#gateway, dev: 'eth0', src: pod.ip },
      { dst: `${this.#gateway}/32`, dev: 'eth0', scope: 'link', src: pod.ip },
    ]);
  }
}

const vtepOf = (node: PodNetNode): string => node.vtepMac ?? vtepMac(node.ip);

const canonical = (cidr: string): string => formatCidr(parseCidr(cidr)!);
