import { Args, Flags, LabCommand, showLab } from '../../src/cli/index.ts';

export default class LabShow extends LabCommand {
  static override summary = "Print a lab's text.";
  static override examples = ['<%= config.bin %> lab show canary'];
  static override args = {
    lab: Args.string({ description: 'name of a lab, or a folder such as ./my-lab', required: true }),
  };
  static override flags = { output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(LabShow);
    this.print(showLab(args.lab, flags.output));
  }
}
