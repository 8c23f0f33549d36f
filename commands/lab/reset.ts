import { Args, LabCommand, resetLab } from '../../src/cli/index.ts';

export default class LabReset extends LabCommand {
  static override summary = "Remove a lab's cluster and the copy of its files; klab lab start begins anew.";
  static override examples = ['<%= config.bin %> lab reset canary'];
  static override args = {
    lab: Args.string({ description: 'name of a lab, or a folder such as ./my-lab', required: true }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(LabReset);
    await resetLab({ lab: args.lab, cluster: this.clusterFlag(flags) }, this.io);
  }
}
