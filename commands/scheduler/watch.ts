import { ApiCommand, Flags, printSchedulerNews } from '../../src/cli/index.ts';

export default class SchedulerWatch extends ApiCommand {
  static override summary = 'Watch the decisions of the scheduler as they fall, and its queues.';
  static override examples = [
    '<%= config.bin %> scheduler watch',
    '<%= config.bin %> scheduler watch -o json | jq .node',
  ];
  static override flags = {
    output: Flags.string({ char: 'o', summary: 'output format: json (one decision a line)', options: ['json'] }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(SchedulerWatch);
    const { signal } = this;
    await printSchedulerNews(await this.session(flags), flags.output, this.output, signal);
    signal.throwIfAborted();
  }
}
