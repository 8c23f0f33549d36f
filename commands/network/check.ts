import { ApiCommand, exitCodes, Flags, networkCheck } from '../../src/cli/index.ts';

export default class NetworkCheck extends ApiCommand {
  static override summary =
    'Check the basic rules of the network: every pod reaches every pod, every node every pod, without NAT.';
  static override description =
    'Opens connections in the simulated network, from every pod and every node to every pod, and compares the address that ' +
    'the receiver sees with the sender’s own. What fails is named with its reason: the NetworkPolicy that denies it, an ' +
    'address that nobody has. Exit code 1 when a rule is broken. Of many pods a sample is tried.';
  static override examples = [
    '<%= config.bin %> network check',
    '<%= config.bin %> network check -n shop --port 8080',
    '<%= config.bin %> network check --pods 100 --seed 7 -o json',
  ];
  static override flags = {
    port: Flags.integer({ summary: 'TCP port that is tried; 33434, which policies do not name', min: 1, max: 65_535 }),
    pods: Flags.integer({ summary: 'how many pods are tried at the most', min: 1, max: 200, default: 50 }),
    seed: Flags.string({ summary: 'decides which pods are tried when there are more', default: '1' }),
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] as const }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(NetworkCheck);
    const { port, pods, seed, output } = flags;
    const session = await this.session(flags);
    const { text, sound } = await networkCheck(session, {
      ...(flags.namespace !== undefined && { namespace: flags.namespace }),
      port,
      maxPods: pods,
      seed,
      output: output as 'json' | undefined,
    });
    this.print(text);
    if (!sound) process.exitCode = exitCodes.failed;
  }
}
