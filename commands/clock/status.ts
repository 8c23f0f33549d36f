import { ApiCommand, clock, Flags } from '../../src/cli/index.ts';

export default class ClockStatus extends ApiCommand {
  static override summary = 'Show the time that the cluster lives in, and how fast it goes.';
  static override examples = ['<%= config.bin %> clock status'];
  static override flags = { output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }) };

  async run(): Promise<void> {
    const { flags } = await this.parse(ClockStatus);
    this.print(await clock(await this.session(flags), undefined, flags.output));
  }
}
