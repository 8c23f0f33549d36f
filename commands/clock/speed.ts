import { ApiCommand, Args, clock, Flags } from '../../src/cli/index.ts';

export default class ClockSpeed extends ApiCommand {
  static override summary = 'Let the cluster clock go so many times as fast as real time; 0 pauses it.';
  static override examples = ['<%= config.bin %> clock speed 60', '<%= config.bin %> clock speed 1'];
  static override args = {
    factor: Args.string({ description: 'how many times real time, e.g. 60 or 0.5', required: true }),
  };
  static override flags = { output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ClockSpeed);
    const factor = Number(args.factor);
    if (args.factor.trim() === '' || !(factor >= 0))
      this.fail(`the speed must be a number from 0, not "${args.factor}"`, 2);
    this.print(await clock(await this.session(flags), { action: 'speed', factor }, flags.output));
  }
}
