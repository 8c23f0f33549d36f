import {
  ApiCommand,
  exitCodes,
  Flags,
  kubeProxyFlags,
  proxyConfigurationOf,
  proxyRules,
  proxyRulesDiff,
} from '../../src/cli/index.ts';

export default class ProxyRules extends ApiCommand {
  static override summary = 'Print the rules that kube-proxy would load on a node for the Services as they stand.';
  static override description =
    'A script that the real tools take: iptables-restore, ipset and ipvsadm, or nft. Computed here from Services, ' +
    'EndpointSlices and Nodes, so it works on any cluster with --context. With --explain a sentence stands beside each ' +
    'rule, as a comment: the script loads as before. With --diff the rules are compared with those of an earlier revision, or ' +
    'with what iptables-save, nft list ruleset, ipvsadm-save -n or ipset save printed on a real node; the exit code is then 0 for the ' +
    'same, 1 for differences, more for a failure.';
  static override examples = [
    '<%= config.bin %> proxy rules',
    '<%= config.bin %> proxy rules --explain --service default/kubernetes',
    '<%= config.bin %> proxy rules --mode nftables --node node-2',
    '<%= config.bin %> proxy rules --mode ipvs --service default/web',
    '<%= config.bin %> proxy rules --diff 1200',
    'iptables-save | <%= config.bin %> proxy rules --diff - --context prod --node node-7',
    '<%= config.bin %> proxy rules --mode ipvs --diff n7.ipvsadm-save --diff n7.ipset-save --diff n7.iptables-save',
  ];
  static override flags = {
    mode: Flags.string({
      summary: "kind of rules; the configuration's, or iptables. userspace was the first and is history",
      options: ['iptables', 'ipvs', 'nftables', 'userspace'] as const,
    }),
    node: Flags.string({ summary: "the node; the configuration's hostnameOverride, or the first by name" }),
    service: Flags.string({ summary: 'only this Service: NAMESPACE/NAME' }),
    family: Flags.string({
      summary: 'only this IP family; all that Services have',
      options: ['ipv4', 'ipv6'] as const,
    }),
    diff: Flags.string({
      summary:
        'compare with a revision, or with dumps in files, - for standard input (may be repeated); 1: they differ',
      helpValue: 'REV|FILE',
      multiple: true,
      multipleNonGreedy: true,
    }),
    explain: Flags.boolean({ summary: 'a sentence beside each rule, as a comment' }),
    ...kubeProxyFlags,
    nfacct: Flags.boolean({ summary: 'with the nfacct counters of the iptables mode' }),
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] as const }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(ProxyRules);
    const { service, family, explain, nfacct, output, diff } = flags;
    const configuration = await proxyConfigurationOf(flags, (text) => this.say(text));
    const request = {
      mode: ((flags.mode ?? configuration.mode) || 'iptables') as 'iptables',
      node: (flags.node ?? configuration.hostnameOverride) || undefined,
      service,
      ...(family === undefined ? {} : { family: family as 'ipv4' }),
      configuration,
      nfacct,
      explain,
      output: output as 'json' | undefined,
    };
    const session = await this.session(flags);
    if (diff === undefined) {
      this.print(await proxyRules(session, request));
      return;
    }
    const { text, differs } = await proxyRulesDiff(session, request, diff);
    this.print(text);
    if (differs) process.exitCode = exitCodes.failed;
  }

  /** With --diff, 1 says that there are differences, as diff's does: failures are above it. */
  override async catch(error: Error): Promise<void> {
    if (!this.argv.some((word) => word === '--diff' || word.startsWith('--diff='))) return super.catch(error);
    const { text, exitCode } = this.rendered(error);
    if (text !== '') this.say(text);
    process.exit(Math.max(exitCode, exitCodes.usage));
  }
}
