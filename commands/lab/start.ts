import { Args, LabCommand, startLab } from '../../src/cli/index.ts';

export default class LabStart extends LabCommand {
  static override summary = "Start a lab's cluster, lay out its files, and print the first steps.";
  static override description =
    'Each lab has a cluster of its own, lab-LAB, and a copy of its files to edit. A folder of yours is a lab when it ' +
    'has a README.md and a check.sh; its files are used where they are.';
  static override examples = ['<%= config.bin %> lab start canary', '<%= config.bin %> lab start ./my-lab'];
  static override args = {
    lab: Args.string({ description: 'name of a lab, or a folder such as ./my-lab', required: true }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(LabStart);
    await startLab({ lab: args.lab, cluster: this.clusterFlag(flags) }, this.io);
  }
}
