import { ApiCommand, Flags, podName, schedulerWhy } from '../../src/cli/index.ts';

export default class SchedulerWhy extends ApiCommand {
  static override summary = 'Say in one paragraph why a pod is where it is, or why it is nowhere.';
  static override usage = 'scheduler why (NAME | pod/NAME | pod NAME) [flags]';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> scheduler why web-6b5cd955c9-jzkvh',
    '<%= config.bin %> scheduler why pod/web -n shop -o json',
    '<%= config.bin %> scheduler why web --context prod',
  ];
  static override flags = {
    config: Flags.string({
      summary: 'try it with this KubeSchedulerConfiguration instead of telling what was decided',
    }),
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const parsed = await this.parse(SchedulerWhy);
    const { config, output } = parsed.flags;
    const pod = podName(this.wordsOf(parsed));
    const width = process.stdout.columns as number | undefined;
    this.print(await schedulerWhy(await this.session(parsed.flags), { pod, config, output, width }));
  }
}
