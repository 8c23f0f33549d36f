/** The pod network's models: what each backend leaves on a node, and what becomes of packets. */
import { describe, expect, it, test } from 'vitest';
import {
  compareBackends,
  fixedBytes,
  frameBytes,
  lookupRoute,
  nodeNetworkText,
  nodeScript,
  type PodNetSettings,
  packetWay,
  planPodNetwork,
  podNetBackends,
  routeText,
  type WayEnd,
  type WayRequest,
} from '../../../src/net/index.ts';
import { parseNetConf, parseSubnetEnv, writeSubnetEnv } from '../../../src/net/podnet/net-conf.ts';
import { fragmentSizes } from '../../../src/net/podnet/way.ts';

const nodes = [
  { name: 'node-1', ip: '172.18.0.2', podCIDR: '10.244.0.0/24' },
  { name: 'node-2', ip: '172.18.0.3', podCIDR: '10.244.1.0/24' },
  { name: 'node-3', ip: '172.19.0.4', podCIDR: '10.244.2.0/24' },
];
const pods = [
  { namespace: 'default', name: 'a', node: 'node-1', ip: '10.244.0.2' },
  { namespace: 'default', name: 'a2', node: 'node-1', ip: '10.244.0.3' },
  { namespace: 'default', name: 'b', node: 'node-2', ip: '10.244.1.2' },
  { namespace: 'default', name: 'c', node: 'node-3', ip: '10.244.2.2' },
];
const common = { network: '10.244.0.0/16', nodeSubnets: ['172.18.0.0/16', '172.19.0.0/16'] };
const plan = (settings: Partial<PodNetSettings> & Pick<PodNetSettings, 'backend'>) =>
  planPodNetwork(nodes, pods, { ...common, ...settings });
type Plan = ReturnType<typeof plan>;

const end = (network: Plan, name: string): WayEnd => {
  for (const node of network.nodes) {
    if (node.node.name === name) return { node };
    const pod = node.pods.find((each) => each.pod.name === name);
    if (pod) return { pod, node };
  }
  throw new Error(name);
};
const way = (network: Plan, from: string, to: string, request: WayRequest = {}) =>
  packetWay(network, end(network, from), end(network, to), request);
const routes = (network: Plan, i = 0) => network.nodes[i]!.routes.map(routeText);

describe('what a node holds', () => {
  test('vxlan: for each other node one route on the link, one neighbour, one FDB entry', () => {
    const network = plan({ backend: 'vxlan' });
    const [node1, node2] = network.nodes;
    expect(routes(network)).toEqual([
      'default via 172.18.0.1 dev eth0',
      '172.18.0.0/16 dev eth0 proto kernel scope link src 172.18.0.2',
      '10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink',
      '10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink',
      '10.244.0.0/24 dev cni0 proto kernel scope link src 10.244.0.1',
    ]);
    const vtep = node2!.interfaces.find(({ kind }) => kind === 'vxlan')!;
    expect(vtep).toMatchObject({ name: 'flannel.1', mtu: 1450, addresses: ['10.244.1.0/32'] });
    expect(node1!.neighbours[0]).toEqual({ ip: '10.244.1.0', mac: vtep.mac, dev: 'flannel.1' });
    expect(node1!.fdb[0]).toEqual({ mac: vtep.mac, dst: '172.18.0.3', dev: 'flannel.1' });
  });

  test('vxlan with direct routing: neighbours are reached as host-gw reaches them', () => {
    expect(routes(plan({ backend: 'vxlan', directRouting: true })).slice(2, 4)).toEqual([
      '10.244.1.0/24 via 172.18.0.3 dev eth0',
      '10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink',
    ]);
  });

  test('host-gw: routes by nodes’ addresses; the kernel refuses a gateway that is no neighbour', () => {
    const [node1] = plan({ backend: 'host-gw' }).nodes;
    expect(node1!.routes.map(routeText)).toContain('10.244.1.0/24 via 172.18.0.3 dev eth0');
    expect(node1!.refused.map(({ route }) => routeText(route))).toEqual(['10.244.2.0/24 via 172.19.0.4 dev eth0']);
  });

  test('udp: the whole network leads into the TUN device, and flanneld has the rest', () => {
    const network = plan({ backend: 'udp' });
    expect(routes(network)).toContain('10.244.0.0/16 dev flannel0');
    expect(network.nodes[0]!.daemon).toEqual({
      port: 8285,
      routes: [
        { dst: '10.244.1.0/24', to: '172.18.0.3' },
        { dst: '10.244.2.0/24', to: '172.19.0.4' },
      ],
    });
  });

  test('ptp: a route a pod, and pods that know nothing but their gateway', () => {
    const [node1] = plan({ backend: 'ptp' }).nodes;
    const [pod] = node1!.pods;
    expect(routeText(lookupRoute(node1!.routes, '10.244.0.2')!)).toBe(`10.244.0.2 dev ${pod!.veth} scope host`);
    expect(pod!.routes.map(routeText)).toEqual([
      'default via 10.244.0.1 dev eth0',
      '10.244.0.0/24 via 10.244.0.1 dev eth0 src 10.244.0.2',
      '10.244.0.1 dev eth0 scope link src 10.244.0.2',
    ]);
    expect(node1!.interfaces.some(({ kind }) => kind === 'bridge')).toBe(false);
  });

  test.each([
    ['bridge', 1500],
    ['ptp', 1500],
    ['udp', 8972],
    ['vxlan', 8950],
    ['host-gw', 9000],
  ] as const)('%s gives pods an MTU of %i where cards take 9000', (backend, mtu) => {
    expect(plan({ backend, nodeMtu: 9000 }).nodes[0]!.podMtu).toBe(mtu);
  });

  test.each(podNetBackends)('%s as text and as a script', async (backend) => {
    const network = planPodNetwork(nodes.slice(0, 2), pods.slice(0, 3), { ...common, backend });
    const [node] = network.nodes;
    await expect(`${nodeNetworkText(node!)}\n`).toMatchFileSnapshot(`golden/${backend}.txt`);
    await expect(nodeScript(network, node!)).toMatchFileSnapshot(`golden/${backend}.sh`);
  });

  it('ranges that cannot be are refused in flannel’s words', () => {
    expect(() => plan({ backend: 'vxlan', network: '10.99.0.0/16' })).toThrow(
      'subnet "10.99.0.0/16" specified in the flannel net config doesn\'t contain "10.244.0.0/24" PodCIDR of the "node-1" node',
    );
    expect(() => plan({ backend: 'bridge', network: 'pods' })).toThrow('the pod network is no CIDR: "pods"');
    expect(() => plan({ backend: 'bridge', network: 'fd00::/48' })).toThrow('the models are of IPv4');
    expect(() => plan({ backend: 'bridge', nodeMtu: 100 })).toThrow('less than IPv4 needs');
  });
});

describe('a packet’s way', () => {
  test('what each backend costs between nodes', () => {
    const figures = compareBackends(nodes, pods, common, { from: 'pod/default/a', to: 'pod/default/b' });
    expect(
      figures.map(({ backend, podMtu, arrived, overhead, copies, switches, routers }) =>
        [backend, podMtu, arrived, overhead, copies, switches, routers].join(' '),
      ),
    ).toEqual([
      'bridge 1500 false 0 1 0 1',
      'ptp 1500 false 0 1 0 1',
      'udp 1472 true 28 6 4 4',
      'vxlan 1450 true 50 2 0 2',
      'host-gw 1500 true 0 2 0 2',
    ]);
  });

  test('on one node it is bridged, or with ptp routed once', () => {
    expect(way(plan({ backend: 'vxlan' }), 'a', 'a2')).toMatchObject({ arrived: true, overhead: 0, routers: 0 });
    expect(way(plan({ backend: 'ptp' }), 'a', 'a2')).toMatchObject({ arrived: true, overhead: 0, routers: 1 });
  });

  test('bridges and links alone have no route, and two things that would be one', () => {
    for (const backend of ['bridge', 'ptp'] as const) {
      const lost = way(plan({ backend }), 'a', 'b');
      expect(lost.reason).toContain('node-1 has no route to 10.244.1.0/24');
      expect(lost.fix).toContain('ip route add 10.244.1.0/24 via 172.18.0.3');
      expect(way(plan({ backend, routes: 'nodes' }), 'a', 'b').arrived).toBe(true);
      expect(way(plan({ backend, routes: 'cloud' }), 'a', 'c')).toMatchObject({ arrived: true, routers: 3 });
    }
  });

  test('across a router host-gw ends and vxlan goes on', () => {
    expect(way(plan({ backend: 'host-gw' }), 'a', 'c').reason).toContain('node-3 (172.19.0.4) is in another network');
    const tunnel = way(plan({ backend: 'vxlan' }), 'a', 'c');
    expect(tunnel).toMatchObject({ arrived: true, routers: 2 });
    expect(tunnel.hops.some(({ what }) => what === 'the router knows node-3')).toBe(true);
  });

  test('to a node a pod is masqueraded, to pods never', () => {
    const network = plan({ backend: 'vxlan' });
    expect(way(network, 'a', 'node-2').hops.at(-1)!.what).toContain('from 172.18.0.2');
    expect(way(network, 'a', 'b').hops.at(-1)!.what).toContain('from 10.244.0.2');
    // A node speaks to pods from flannel's address, which has a route back.
    expect(way(network, 'node-1', 'b').hops.at(-1)!.what).toContain('from 10.244.0.0');
    expect(way(network, 'node-1', 'a').hops.at(-1)!.what).toContain('from 10.244.0.1');
  });

  test('the plugin’s own masquerading hides pods from pods of other nodes', () => {
    const network = plan({ backend: 'bridge', routes: 'nodes', ipMasq: true });
    expect(way(network, 'a', 'b').hops.at(-1)!.what).toContain('from 172.18.0.2');
    expect(way(network, 'a', 'a2').hops.at(-1)!.what).toContain('from 10.244.0.2');
  });

  test('nobody at an address: the last node asks for it in vain', () => {
    const network = plan({ backend: 'host-gw' });
    const to = end(network, 'b');
    if (!('pod' in to)) throw new Error('a pod');
    const ghost = { node: to.node, pod: { ...to.pod, pod: { ...to.pod.pod, ip: '10.244.1.77' } } };
    expect(packetWay(network, end(network, 'a'), ghost).reason).toBe(
      'nobody on cni0 of node-2 answers the ARP request for 10.244.1.77',
    );
  });
});

describe('packets that are too big', () => {
  test('TCP makes segments; UDP lets its stack make fragments; don’t fragment means an error at once', () => {
    const network = plan({ backend: 'vxlan' });
    const big = { size: 3000 } as const;
    expect(way(network, 'a', 'b', { ...big, protocol: 'tcp' }).hops.find(({ frame }) => frame)!.sizes).toEqual([
      1500, 1500, 254,
    ]);
    expect(way(network, 'a', 'b', { ...big, protocol: 'udp' })).toMatchObject({ arrived: true });
    expect(way(network, 'a', 'b', { ...big, protocol: 'udp', dontFragment: true }).reason).toContain('EMSGSIZE');
  });

  test('pods with a bigger MTU than the tunnel: the node drops, and says how much fits', () => {
    const network = plan({ backend: 'vxlan', podMtu: 1500 });
    expect(way(network, 'a', 'b').reason).toContain('ICMP "fragmentation needed, MTU 1450"');
    expect(way(network, 'a', 'b', { size: 1450 }).arrived).toBe(true);
    const fragmented = way(network, 'a', 'b', { dontFragment: false });
    expect(fragmented.arrived).toBe(true);
    expect(fragmented.hops.find(({ frame }) => frame)!.sizes).toEqual([1494, 126]);
  });

  test.each([
    [1500, 1500, [1500]],
    [1501, 1500, [1500, 21]],
    [4000, 1450, [1444, 1444, 1152]],
    [65_535, 1500, undefined],
  ])('%i bytes over an MTU of %i', (size, mtu, expected) => {
    const sizes = fragmentSizes(size, mtu);
    if (expected) expect(sizes).toEqual(expected);
    for (const each of sizes) expect(each).toBeLessThanOrEqual(mtu);
    // Each has a header of its own, and all but the last carry a multiple of eight bytes.
    expect(sizes.reduce((sum, each) => sum + each - 20, 20)).toBe(size);
    for (const each of sizes.slice(0, -1)) expect((each - 20) % 8).toBe(0);
  });
});

describe('the frame on the wire', () => {
  const frameOf = (backend: PodNetSettings['backend'], request: WayRequest = {}) =>
    way(plan({ backend }), 'a', 'b', { protocol: 'udp', size: 100, ...request }).hops.find(({ frame }) => frame)!
      .frame!;

  test('vxlan: 50 bytes before the packet, and the VNI and both ports in their places', () => {
    const frame = frameOf('vxlan');
    const bytes = Buffer.from(frameBytes(frame));
    expect(bytes.length).toBe(14 + 50 + 100);
    expect(frame.map(({ name }) => name)).toEqual([
      ...['Ethernet', 'outer IP', 'outer UDP', 'VXLAN', 'inner Ethernet', 'inner IP', 'inner UDP', 'data'],
    ]);
    expect(bytes.readUInt16BE(16)).toBe(150);
    expect(bytes.readUInt16BE(36)).toBe(8472);
    expect(bytes.readUInt16BE(38)).toBe(130);
    expect(bytes.subarray(42, 50).toString('hex')).toBe('0800000000000100');
    expect(bytes.subarray(64 + 12, 64 + 20).toString('hex')).toBe('0af400020af40102');
    // Fragmenting the outer packet is allowed, the inner's own wish is untouched; one router has counted.
    expect(bytes.readUInt16BE(20)).toBe(0);
    expect(bytes.readUInt16BE(64 + 6)).toBe(0x4000);
    expect(bytes[64 + 8]).toBe(63);
  });

  test('udp: 28 bytes before it, without Ethernet inside; flanneld has counted too', () => {
    const bytes = Buffer.from(frameBytes(frameOf('udp')));
    expect(bytes.length).toBe(14 + 28 + 100);
    expect(bytes.readUInt16BE(34)).toBe(8285);
    expect(bytes[42 + 8]).toBe(62);
  });

  test('host-gw: the packet as it was, to the other node’s hardware address', () => {
    const bytes = Buffer.from(frameBytes(frameOf('host-gw')));
    expect(bytes.length).toBe(114);
    expect(bytes.subarray(0, 6).toString('hex')).toBe('0242ac120003');
    expect(bytes.subarray(26, 34).toString('hex')).toBe('0af400020af40102');
  });

  test('the header checksum is right for its bytes', () => {
    for (const protocol of ['tcp', 'udp', 'icmp'] as const) {
      const header = Buffer.from(frameBytes(frameOf('host-gw', { protocol }))).subarray(14, 34);
      let sum = 0;
      for (let i = 0; i < 20; i += 2) sum += header.readUInt16BE(i);
      while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
      expect(sum).toBe(0xffff);
    }
  });

  test('a byte is fixed, or its field says why it is not', () => {
    const frame = frameOf('vxlan');
    expect(fixedBytes(frame).length).toBe(frameBytes(frame).length);
    const varying = frame.flatMap(({ name, fields }) =>
      fields.filter(({ varies }) => varies !== undefined).map((field) => `${name}: ${field.name}`),
    );
    expect(varying).toEqual([
      'outer IP: identification',
      'outer IP: header checksum',
      'outer UDP: source port',
      'outer UDP: checksum',
      'inner IP: identification',
      'inner IP: header checksum',
      'inner UDP: checksum',
      'data: data',
    ]);
  });
});

describe('flannel’s files', () => {
  test('net-conf.json as kube-flannel’s manifest has it, whatever the case of its keys', () => {
    expect(parseNetConf('{"Network":"10.244.0.0/16","EnableNFTables":false,"Backend":{"Type":"vxlan"}}')).toEqual({
      backend: 'vxlan',
      network: '10.244.0.0/16',
    });
    expect(
      parseNetConf(
        '{"network":"10.0.0.0/8","backend":{"type":"vxlan","vni":4096,"port":4789,"MTU":9000,"DirectRouting":true}}',
      ),
    ).toEqual({ backend: 'vxlan', network: '10.0.0.0/8', vni: 4096, port: 4789, nodeMtu: 9000, directRouting: true });
    expect(parseNetConf('{"Network":"10.0.0.0/8"}').backend).toBe('udp');
    expect(parseNetConf('{"Network":"10.0.0.0/8","Backend":{"Type":"vxlan","Port":0}}')).not.toHaveProperty('port');
  });

  test.each([
    ['{', 'net-conf.json is no JSON'],
    ['[]', 'net-conf.json must be an object'],
    ['{"Network":"ten"}', 'please define a correct Network parameter in the flannel config'],
    ['{"Network":"10.0.0.0/8","Backend":{"Type":"wireguard"}}', 'backend type "wireguard" is not modelled'],
    ['{"Network":"10.0.0.0/8","Backend":{"Type":"vxlan","VNI":"1"}}', 'Backend.VNI must be a whole number, not "1"'],
    ['{"Network":"10.0.0.0/8","Backend":{"Type":"vxlan","Port":-1}}', 'Backend.Port must be a whole number, not -1'],
    ['{"EnableIPv4":false,"Network":"10.0.0.0/8"}', 'only the IPv4 network'],
  ])('%s is refused', (text, message) => {
    expect(() => parseNetConf(text)).toThrow(message);
  });

  test('subnet.env is read as it is written', () => {
    const env = { network: '10.244.0.0/16', subnet: '10.244.1.1/24', mtu: 1450, ipMasq: true };
    expect(writeSubnetEnv(env)).toBe(
      'FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n',
    );
    expect(parseSubnetEnv(writeSubnetEnv(env))).toEqual(env);
    expect(() => parseSubnetEnv('FLANNEL_NETWORK=10.0.0.0/8')).toThrow('missing FLANNEL_SUBNET');
    expect(() => parseSubnetEnv('so')).toThrow('line 1: "so" is no KEY=VALUE');
  });
});
