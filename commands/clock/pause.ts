import { ApiCommand, clock, Flags } from '../../src/cli/index.ts';

export default class ClockPause extends ApiCommand {
  static override summary = 'Stop the cluster clock: nothing that waits for time goes on.';
  static override examples = ['<%= config.bin %> clock pause'];
  static override flags = { output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }) };

  async run(): Promise<void> {
    const { flags } = await this.parse(ClockPause);
    this.print(await clock(await this.session(flags), { action: 'pause' }, flags.output));
  }
}
