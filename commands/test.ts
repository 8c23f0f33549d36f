import { BaseCommand, durationFlag, Flags, runInTestCluster } from '../src/cli/index.ts';

export default class Test extends BaseCommand {
  static override summary = 'Run a command with a cluster of its own, and exit with its code.';
  static override description =
    'Starts a temporary cluster that keeps all its state in memory, sets KUBECONFIG for the command alone, runs it, and ' +
    'removes the cluster, on Ctrl-C too.';
  static override usage = 'test [flags] -- CMD [args…]';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> test -- npm test',
    '<%= config.bin %> test --nodes 5 -- kubectl get nodes',
    '<%= config.bin %> test -- sh -c "helm install web ./chart --wait && ./smoke.sh"',
  ];
  static override flags = {
    nodes: Flags.integer({ summary: 'number of simulated nodes', default: 3, min: 0, max: 10_000 }),
    'etcd-members': Flags.integer({ summary: 'members of the embedded etcd: 1, 3 or 5', default: 1 }),
    clock: Flags.string({ summary: 'the cluster clock', options: ['real', 'virtual'], default: 'real' }),
    seed: Flags.string({ summary: 'seed of all randomness that the API shows' }),
    timeout: Flags.string({ summary: 'how long to wait until the cluster is ready', default: '60s' }),
  };

  async run(): Promise<void> {
    const parsed = await this.parse(Test);
    const { flags } = parsed;
    const members = flags['etcd-members'];
    if (![1, 3, 5].includes(members)) this.fail(`--etcd-members must be 1, 3 or 5, not ${members}`, 2);
    const code = await runInTestCluster(
      {
        command: this.wordsOf(parsed),
        timeoutMs: durationFlag('timeout', flags.timeout),
        start: {
          store: 'memory',
          nodes: flags.nodes,
          etcdMembers: members,
          clock: flags.clock as 'real' | 'virtual',
          ...(flags.seed !== undefined && { seed: flags.seed }),
        },
      },
      { say: (text) => this.say(text), signal: this.signal },
    );
    process.exit(code);
  }
}
