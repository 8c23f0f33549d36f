import { ApiCommand, Args, dnsQuery, Flags } from '../../src/cli/index.ts';

export default class DnsQuery extends ApiCommand {
  static override summary = 'Ask cluster DNS for a name, as a pod would: each name of the search path in turn.';
  static override description =
    "Answered here by the cluster's Corefile from Services, EndpointSlices and Namespaces, so it works on any cluster with " +
    '--context; nobody outside is asked. A klab cluster also answers on a port of this machine: klab status names it.';
  static override examples = [
    '<%= config.bin %> dns query web',
    '<%= config.bin %> dns query _http._tcp.web.shop.svc.cluster.local SRV',
    '<%= config.bin %> dns query 10.96.0.1',
    '<%= config.bin %> dns query web.other --from pod/client -o json',
  ];
  static override args = {
    name: Args.string({ description: 'a name, or an address to find the name of', required: true }),
    type: Args.string({ description: 'A, AAAA, CNAME, PTR or SRV' }),
  };
  static override flags = {
    from: Flags.string({ summary: "pod/NAME: with that pod's resolver; as any pod of the namespace" }),
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(DnsQuery);
    const { from, output } = flags;
    this.print(await dnsQuery(await this.session(flags), { ...args, from, output }));
  }
}
