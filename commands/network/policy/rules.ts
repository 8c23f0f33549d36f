import { ApiCommand, Flags, policyRulesDiff, policyRulesScript } from '../../../src/cli/index.ts';

export default class NetworkPolicyRules extends ApiCommand {
  static override summary = 'Print NetworkPolicies as the nftables rules of a node.';
  static override description =
    'A script for nft -f that makes one table, inet klab-policies, with a chain for each isolated pod of the node and each ' +
    'policy: default deny, peers as sets of addresses, blocks with their exceptions, ports by number, range and name. The ' +
    'table judges behind DNAT, so policies see pods and not Services. Computed here, so it works on any cluster with ' +
    '--context. With --explain a sentence stands above each rule, as a comment. With --diff the rules are compared with ' +
    'those of an earlier revision, or with what nft list ruleset printed on the node; the exit code is 1 when they differ.';
  static override examples = [
    '<%= config.bin %> network policy rules --explain',
    '<%= config.bin %> network policy rules --node node-2 | ip netns exec node nft -f -',
    '<%= config.bin %> network policy rules --policy shop/web',
    'nft list ruleset | <%= config.bin %> network policy rules --diff -',
  ];
  static override flags = {
    node: Flags.string({ summary: 'the node; the first by name' }),
    policy: Flags.string({ summary: 'the rules as if this were the only policy: NAMESPACE/NAME' }),
    diff: Flags.string({ summary: 'compare with a revision, a file, or - for standard input', helpValue: 'REV|FILE' }),
    explain: Flags.boolean({ summary: 'a sentence above each rule, as a comment' }),
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] as const }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(NetworkPolicyRules);
    const { node, policy, explain, diff } = flags;
    const request = { node, policy, explain, output: flags.output as 'json' | undefined };
    const session = await this.session(flags);
    if (diff === undefined) return this.print(await policyRulesScript(session, request));
    const { text, same } = await policyRulesDiff(session, request, diff);
    this.print(text);
    if (!same) process.exitCode = 1;
  }
}
