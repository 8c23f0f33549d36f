import { ApiCommand, Flags, podName, schedulerWhatIf } from '../../src/cli/index.ts';

export default class SchedulerWhatIf extends ApiCommand {
  static override summary = 'Show the smallest changes that would let a pod schedule, or move it to a node.';
  static override description =
    'Every change was tried by the real scheduler on a copy of the cluster in this process; nothing is changed. The ' +
    'commands shown make the change. Works against any cluster with --context; what configuration the scheduler of such ' +
    'a cluster has is not known here: give it with --config.';
  static override usage = 'scheduler what-if (NAME | pod/NAME | pod NAME) [flags]';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> scheduler what-if web-6b5cd955c9-jzkvh',
    '<%= config.bin %> scheduler what-if web --node node-2',
    "<%= config.bin %> scheduler what-if web -o json | jq -r '.changes[].commands[]'",
  ];
  static override flags = {
    node: Flags.string({ summary: 'the node where the pod should be' }),
    config: Flags.string({ summary: "a KubeSchedulerConfiguration to go by, in place of the cluster's own" }),
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const parsed = await this.parse(SchedulerWhatIf);
    const { node, config, output } = parsed.flags;
    const pod = podName(this.wordsOf(parsed));
    this.print(await schedulerWhatIf(await this.session(parsed.flags), { pod, node, config, output }));
  }
}
