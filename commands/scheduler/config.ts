import { ApiCommand, Flags, schedulerConfiguration } from '../../src/cli/index.ts';

export default class SchedulerConfig extends ApiCommand {
  static override summary = "Show the scheduler's configuration as it works, all defaults filled in.";
  static override examples = ['<%= config.bin %> scheduler config', '<%= config.bin %> scheduler config -o json'];
  static override flags = {
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'], default: 'yaml' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(SchedulerConfig);
    this.print(await schedulerConfiguration(await this.session(flags), flags.output));
  }
}
