import { Args, checkAllLabs, checkLab, checkLabAfresh, Flags, LabCommand } from '../../src/cli/index.ts';

export default class LabCheck extends LabCommand {
  static override summary = "Run a lab's check: it says what it proves, and exits with 1 when something is not so.";
  static override description =
    "Runs check.sh of the lab's files (those laid out by klab lab start, edits included) against the lab's cluster, " +
    'started if need be. --fresh takes a new cluster and the files as they came, and leaves nothing behind.';
  static override examples = [
    '<%= config.bin %> lab check canary',
    '<%= config.bin %> lab check ./my-lab --fresh',
    '<%= config.bin %> lab check --all',
  ];
  static override args = { lab: Args.string({ description: 'name of a lab, or a folder such as ./my-lab' }) };
  static override flags = {
    fresh: Flags.boolean({ summary: 'in a cluster that exists for this check alone' }),
    all: Flags.boolean({ summary: 'all labs of klab, each in a fresh cluster', default: false }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(LabCheck);
    if (flags.all === (args.lab !== undefined)) this.fail('name one lab, or give --all', 2);
    if (args.lab === undefined) await checkAllLabs(this.io);
    else if (flags.fresh) await checkLabAfresh(args.lab, this.io);
    else await checkLab({ lab: args.lab, cluster: this.clusterFlag(flags) }, this.io);
  }
}
