import { ApiCommand, Flags, kubeProxyFlags, proxyConfigurationOf, proxyTrace } from '../../src/cli/index.ts';

export default class ProxyTrace extends ApiCommand {
  static override summary = 'Follow a packet through the rules to a Service or an address, rule by rule.';
  static override description =
    'DNS answer, hooks, the rules it meets with their odds, DNAT and SNAT, routing, NetworkPolicy, conntrack and the way ' +
    'back; and where nobody answers, why and what would fix it. Computed from Services, EndpointSlices, Nodes, Pods and ' +
    'NetworkPolicies, so it works on any cluster with --context.';
  static override examples = [
    '<%= config.bin %> proxy trace --from pod/client --to svc/web',
    '<%= config.bin %> proxy trace --from node/node-2 --to svc/web:http --mode all',
    '<%= config.bin %> proxy trace --from pod/client --to svc/web --remembered 10.244.1.2',
    '<%= config.bin %> proxy trace --context prod --from node/n7 --to svc/web --node n7 --rules n7.iptables-save',
    '<%= config.bin %> proxy trace --from pod/client --to svc/web --backend vxlan',
    '<%= config.bin %> proxy trace --from 203.0.113.7 --to 172.18.0.2:30080 --node node-1 -o json',
  ];
  static override flags = {
    from: Flags.string({ summary: 'pod/NAME, node/NAME or an IP address', required: true }),
    to: Flags.string({ summary: 'svc/NAME[:PORT], pod/NAME[:PORT] or IP:PORT', required: true }),
    proto: Flags.string({ summary: "protocol; the port's own", options: ['tcp', 'udp', 'sctp'] }),
    mode: Flags.string({
      summary: "whose rules; the configuration's, or iptables",
      options: ['iptables', 'ipvs', 'nftables', 'all'] as const,
    }),
    node: Flags.string({
      summary: 'the node that traffic from outside comes in by, and whose rules --rules are; the first by name',
    }),
    seed: Flags.string({ summary: 'which way the dice fall', default: '1' }),
    remembered: Flags.string({
      summary: 'the endpoint (IP or IP:PORT) that client affinity led this client to before',
    }),
    rules: Flags.string({
      summary:
        "walk a real node's rules: a file with what iptables-save or nft list ruleset printed there, - for stdin",
    }),
    backend: Flags.string({
      summary: 'also tell how this network plugin carries it between nodes: routes, encapsulation, MTU',
      options: ['bridge', 'ptp', 'udp', 'vxlan', 'host-gw'] as const,
    }),
    ...kubeProxyFlags,
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(ProxyTrace);
    const { from, to, proto, node, seed, output } = flags;
    const configuration = await proxyConfigurationOf(flags, (text) => this.say(text));
    this.print(
      await proxyTrace(await this.session(flags), {
        from,
        to,
        protocol: proto,
        mode: ((flags.mode ?? configuration.mode) || 'iptables') as 'all',
        node,
        seed,
        remembered: flags.remembered,
        rules: flags.rules,
        configuration,
        backend: flags.backend as 'vxlan' | undefined,
        output,
      }),
    );
  }
}
