import { ApiCommand, Flags, networkExplain } from '../../src/cli/index.ts';

export default class NetworkExplain extends ApiCommand {
  static override summary =
    'Explain how packets get from pod to pod: bridge, ptp, and flannel’s udp, vxlan and host-gw.';
  static override description =
    'Without --backend: all of them side by side, with MTU, overhead, copies and hops, what they ask of the network ' +
    'between nodes and what breaks them. With one: the packet’s way hop by hop, with the routes it takes and every header ' +
    'on the wire byte by byte; with --node: what that node holds, as ip route, bridge fdb and iptables-save print it. ' +
    'Computed from Nodes and Pods, so it works on any cluster with --context; flannel’s annotations and its ConfigMap are ' +
    'read where there are some.';
  static override examples = [
    '<%= config.bin %> network explain',
    '<%= config.bin %> network explain --backend vxlan --from pod/web-0 --to pod/db-0',
    '<%= config.bin %> network explain --backend vxlan --pod-mtu 1500 --df',
    '<%= config.bin %> network explain --backend host-gw --node-subnet 10.0.1.0/24 --node-subnet 10.0.2.0/24',
    '<%= config.bin %> network explain --backend vxlan --node node-1',
    '<%= config.bin %> network explain --backend vxlan --node node-1 -o script',
  ];
  static override flags = {
    backend: Flags.string({
      summary: 'whose network; all of them side by side',
      options: ['bridge', 'ptp', 'udp', 'vxlan', 'host-gw'] as const,
    }),
    from: Flags.string({ summary: 'pod/NAME or node/NAME; a pod of the first node' }),
    to: Flags.string({ summary: 'pod/NAME or node/NAME; a pod of another node' }),
    node: Flags.string({ summary: 'show what this node holds' }),
    size: Flags.integer({
      summary: 'bytes of the IP packet; as many as the sender’s MTU allows',
      min: 28,
      max: 65_535,
    }),
    proto: Flags.string({ summary: 'protocol', options: ['tcp', 'udp', 'icmp'] as const, default: 'tcp' }),
    df: Flags.boolean({ summary: "send it with don't fragment (--no-df: without); as Linux does", allowNo: true }),
    'node-mtu': Flags.integer({ summary: 'MTU of the nodes’ cards', min: 576, max: 65_535 }),
    'pod-mtu': Flags.integer({ summary: 'give pods this MTU, whatever fits', min: 68, max: 65_535 }),
    'node-subnet': Flags.string({
      summary: 'a network of nodes that reach each other without a router; /24 around each node',
      multiple: true,
    }),
    vni: Flags.integer({ summary: 'vxlan: the network’s number', min: 1, max: 16_777_215 }),
    port: Flags.integer({ summary: 'UDP port of vxlan (8472) or udp (8285)', min: 1, max: 65_535 }),
    'direct-routing': Flags.boolean({ summary: 'vxlan: without encapsulation between neighbours', allowNo: true }),
    'ip-masq': Flags.boolean({
      summary: 'the plugin masquerades; flannel’s does, bridge and ptp do not',
      allowNo: true,
    }),
    routes: Flags.string({
      summary: 'bridge and ptp: who routes between nodes; nobody',
      options: ['nodes', 'cloud'] as const,
    }),
    'net-conf': Flags.string({ summary: 'flannel’s net-conf.json, or a manifest with its ConfigMap; - for stdin' }),
    'cluster-cidr': Flags.string({ summary: 'range of all pods; what the nodes’ ranges have in common' }),
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml', 'script'] as const }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(NetworkExplain);
    const { backend, from, to, node, size, routes, output, vni, port } = flags;
    this.print(
      await networkExplain(await this.session(flags), {
        backend: backend as 'vxlan' | undefined,
        from,
        to,
        node,
        size,
        protocol: flags.proto as 'tcp',
        dontFragment: flags.df,
        nodeMtu: flags['node-mtu'],
        podMtu: flags['pod-mtu'],
        nodeSubnets: flags['node-subnet'],
        vni,
        port,
        directRouting: flags['direct-routing'],
        ipMasq: flags['ip-masq'],
        routes: routes as 'nodes' | undefined,
        netConf: flags['net-conf'],
        clusterCidr: flags['cluster-cidr'],
        output: output as 'json' | undefined,
      }),
    );
  }
}
