import { ApiCommand, Flags, schedulerConfiguration } from '../../src/cli/index.ts';

export default class SchedulerConfig extends ApiCommand {
  static override summary =
    "Show the scheduler's configuration, or a file's, as KubeSchedulerConfiguration v1, all defaults filled in.";
  static override examples = [
    '<%= config.bin %> scheduler config > scheduler.yaml',
    '<%= config.bin %> scheduler config --config old-policy.json',
  ];
  static override flags = {
    config: Flags.string({ summary: 'a file in place of the running one; a Policy of old is translated' }),
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'], default: 'yaml' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(SchedulerConfig);
    this.print(
      await schedulerConfiguration(await this.session(flags), {
        file: flags.config,
        output: flags.output,
        say: (text) => this.say(text),
      }),
    );
  }
}
