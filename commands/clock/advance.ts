import { ApiCommand, Args, clock, Flags } from '../../src/cli/index.ts';

export default class ClockAdvance extends ApiCommand {
  static override summary = 'Move the cluster clock forward; all that is due meanwhile happens at its time.';
  static override examples = ['<%= config.bin %> clock advance 5m', '<%= config.bin %> clock advance 1h30m'];
  static override args = { duration: Args.string({ description: 'how far, e.g. 90s or 1h30m', required: true }) };
  static override flags = { output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ClockAdvance);
    const action = { action: 'advance', duration: args.duration } as const;
    this.print(await clock(await this.session(flags), action, flags.output));
  }
}
