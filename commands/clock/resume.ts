import { ApiCommand, clock, Flags } from '../../src/cli/index.ts';

export default class ClockResume extends ApiCommand {
  static override summary = 'Let a paused cluster clock go on.';
  static override examples = ['<%= config.bin %> clock resume'];
  static override flags = { output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }) };

  async run(): Promise<void> {
    const { flags } = await this.parse(ClockResume);
    this.print(await clock(await this.session(flags), { action: 'resume' }, flags.output));
  }
}
