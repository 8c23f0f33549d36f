import { ApiCommand, clock, Flags } from '../../src/cli/index.ts';

export default class ClockStep extends ApiCommand {
  static override summary = 'Move the cluster clock to the next moment at which something is due.';
  static override examples = ['<%= config.bin %> clock step'];
  static override flags = { output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }) };

  async run(): Promise<void> {
    const { flags } = await this.parse(ClockStep);
    this.print(await clock(await this.session(flags), { action: 'step' }, flags.output));
  }
}
