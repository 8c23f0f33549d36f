import { ApiCommand, Flags, schedulerQueue } from '../../src/cli/index.ts';

export default class SchedulerQueue extends ApiCommand {
  static override summary = 'Show the pods that wait to be scheduled, and who refused them.';
  static override examples = ['<%= config.bin %> scheduler queue', '<%= config.bin %> scheduler queue -o json'];
  static override flags = { output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }) };

  async run(): Promise<void> {
    const { flags } = await this.parse(SchedulerQueue);
    this.print(await schedulerQueue(await this.session(flags), flags.output));
  }
}
