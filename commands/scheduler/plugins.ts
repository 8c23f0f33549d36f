import { ApiCommand, Flags, schedulerPlugins } from '../../src/cli/index.ts';

export default class SchedulerPlugins extends ApiCommand {
  static override summary = 'Show the plugins of the scheduler, their weights and where they run.';
  static override examples = ['<%= config.bin %> scheduler plugins', '<%= config.bin %> scheduler plugins -o json'];
  static override flags = { output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }) };

  async run(): Promise<void> {
    const { flags } = await this.parse(SchedulerPlugins);
    this.print(await schedulerPlugins(await this.session(flags), flags.output));
  }
}
