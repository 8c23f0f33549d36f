import { ApiCommand, Flags, podName, schedulerExplain } from '../../src/cli/index.ts';

export default class SchedulerExplain extends ApiCommand {
  static override summary = "Explain where the scheduler put a pod: every node, every filter's verdict, every score.";
  static override usage = 'scheduler explain (NAME | pod/NAME | pod NAME) [flags]';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> scheduler explain web-6b5cd955c9-jzkvh',
    '<%= config.bin %> scheduler explain pod/web -n shop -o wide',
    '<%= config.bin %> scheduler explain pod web --attempt 1 --node node-2',
  ];
  static override flags = {
    attempt: Flags.integer({ summary: 'this attempt; the newest by default', min: 1 }),
    node: Flags.string({ summary: 'only what was said of this node' }),
    output: Flags.string({
      char: 'o',
      summary: 'output format; wide shows all nodes',
      options: ['wide', 'json', 'yaml'],
    }),
  };

  async run(): Promise<void> {
    const parsed = await this.parse(SchedulerExplain);
    const { flags } = parsed;
    const pod = podName(this.wordsOf(parsed));
    const { attempt, node, output } = flags;
    const width = process.stdout.columns as number | undefined;
    this.print(await schedulerExplain(await this.session(flags), { pod, attempt, node, output, width }));
  }
}
