import { ApiCommand, Flags, printSchedulerNews } from '../../src/cli/index.ts';

export default class SchedulerWatch extends ApiCommand {
  static override summary = 'Watch the decisions of the scheduler as they fall, its queues and how full the nodes are.';
  static override description =
    'On a terminal a live screen: the queues, a heat map of what the pods of each node request, by zone, and the newest ' +
    'decisions. In a pipe, or with --no-live, one line for each decision and each change of the queues.';
  static override examples = [
    '<%= config.bin %> scheduler watch',
    '<%= config.bin %> scheduler watch --no-live',
    '<%= config.bin %> scheduler watch -o json | jq .node',
  ];
  static override flags = {
    output: Flags.string({ char: 'o', summary: 'output format: json (one decision a line)', options: ['json'] }),
    live: Flags.boolean({
      summary: 'the live screen (default: when stdout and stdin are a terminal)',
      allowNo: true,
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(SchedulerWatch);
    const { signal } = this;
    const session = await this.session(flags);
    const live = flags.live ?? (process.stdout.isTTY === true && process.stdin.isTTY === true);
    if (live && flags.output === undefined) {
      const { showSchedulerWatch } = await import('../../src/tui/index.ts');
      await showSchedulerWatch(session, { signal });
      return;
    }
    await printSchedulerNews(session, flags.output, this.output, signal);
    signal.throwIfAborted();
  }
}
