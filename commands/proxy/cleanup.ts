import { BaseCommand, Flags, proxyCleanUp } from '../../src/cli/index.ts';

export default class ProxyCleanup extends BaseCommand {
  static override summary = 'Remove the rules that kube-proxy made, in every mode, and nothing else. Needs root.';
  static override examples = ['<%= config.bin %> proxy cleanup', '<%= config.bin %> proxy cleanup --netns node'];
  static override flags = {
    netns: Flags.string({ summary: "a network namespace, by name or path; the machine's own" }),
    'iptables-backend': Flags.string({ summary: "iptables' own; the system's", options: ['nft', 'legacy'] as const }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(ProxyCleanup);
    this.print(
      await proxyCleanUp({
        netns: flags.netns,
        iptablesBackend: flags['iptables-backend'] as 'nft' | undefined,
      }),
    );
  }
}
