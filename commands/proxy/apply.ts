import {
  ApiCommand,
  exitCodes,
  Flags,
  kubeProxyFlags,
  parseDuration,
  proxyApply,
  proxyConfigurationOf,
  UserError,
} from '../../src/cli/index.ts';

export default class ProxyApply extends ApiCommand {
  static override summary = "Load a node's rules into a real kernel, and keep them as the cluster's Services are.";
  static override description =
    'What kube-proxy does on a node: the rules are loaded by iptables-restore, nft, or ipset and ipvsadm; changes of Services ' +
    'and EndpointSlices are gathered and loaded as one small transaction; a load that fails is taken back and tried again. ' +
    'Load balancers find the health of Services with externalTrafficPolicy Local at their healthCheckNodePort meanwhile. ' +
    'Needs root. Runs until interrupted; the rules stay (see proxy cleanup). Works on any cluster with --context.';
  static override examples = [
    'ip netns add node && <%= config.bin %> proxy apply --mode nftables --netns node',
    '<%= config.bin %> proxy apply --mode iptables --dry-run',
    '<%= config.bin %> proxy apply --node node-2 --once',
  ];
  static override flags = {
    mode: Flags.string({
      summary: "kind of rules; the configuration's, or iptables",
      options: ['iptables', 'ipvs', 'nftables'] as const,
    }),
    node: Flags.string({ summary: "the node; the configuration's hostnameOverride, or the first by name" }),
    netns: Flags.string({ summary: "a network namespace, by name or path; the machine's own" }),
    'iptables-backend': Flags.string({ summary: "iptables' own; the system's", options: ['nft', 'legacy'] as const }),
    family: Flags.string({
      summary: 'only this IP family; all that Services have',
      options: ['ipv4', 'ipv6'] as const,
    }),
    ...kubeProxyFlags,
    'dry-run': Flags.boolean({ summary: 'print what would be loaded', default: false }),
    once: Flags.boolean({ summary: 'load and end', default: false }),
    'sync-period': Flags.string({
      summary: "how often to see whether the rules still stand; the configuration's, or 30s",
    }),
    'min-sync-period': Flags.string({ summary: "least time between two loads; the configuration's, or 1s" }),
    'healthz-bind-address': Flags.string({
      summary: "IP:PORT of /healthz and /livez, as kube-proxy's flag; in a --netns it is kube-proxy's own default",
      helpValue: 'IP:PORT',
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(ProxyApply);
    const { netns, family } = flags;
    const configuration = await proxyConfigurationOf(flags, (text) => this.say(text));
    const period = (flag: 'sync-period' | 'min-sync-period') => {
      const given = flags[flag];
      if (given === undefined) return undefined;
      try {
        return parseDuration(given);
      } catch (error) {
        throw new UserError(`--${flag}: ${(error as Error).message}`, exitCodes.usage);
      }
    };
    await proxyApply(
      await this.session(flags),
      {
        mode: ((flags.mode ?? configuration.mode) || 'iptables') as 'iptables',
        node: (flags.node ?? configuration.hostnameOverride) || undefined,
        netns,
        iptablesBackend: flags['iptables-backend'] as 'nft' | undefined,
        ...(family === undefined ? {} : { family: family as 'ipv4' }),
        configuration,
        dryRun: flags['dry-run'],
        once: flags.once,
        healthzBindAddress: flags['healthz-bind-address'] ?? (netns === undefined ? undefined : '0.0.0.0:10256'),
        syncPeriodMs: period('sync-period'),
        minSyncPeriodMs: period('min-sync-period'),
      },
      { print: (text) => this.print(text), say: (text) => this.say(text), signal: this.signal },
    );
  }
}
