import {
  ApiCommand,
  autoscale,
  clusterName,
  dryRunFlag,
  Flags,
  fieldManagerFlag,
  fileFlags,
  printFlags,
  requireFlags,
} from '../src/cli/index.ts';

export default class Autoscale extends ApiCommand {
  static override summary = 'Make a horizontal pod autoscaler for a workload.';
  static override usage = 'autoscale (-f FILE | TYPE NAME) --max=MAX [flags]';
  static override strict = false;
  static override examples = ['<%= config.bin %> autoscale deploy web --min=2 --max=5 --cpu=80%'];
  static override flags = {
    ...printFlags,
    ...dryRunFlag,
    ...fieldManagerFlag('kubectl-autoscale'),
    ...fileFlags,
    name: Flags.string({ summary: 'name of the autoscaler; the cluster is then named by KLAB_NAME' }),
    min: Flags.integer({ summary: 'fewest replicas', default: -1 }),
    max: Flags.integer({ summary: 'most replicas' }),
    cpu: Flags.string({ summary: 'target: 80% or 500m' }),
    memory: Flags.string({ summary: 'target: 80% or 200Mi' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(Autoscale);
    requireFlags(flags, 'max');
    await autoscale(
      words,
      { ...flags, max: flags.max! },
      () => this.session({ ...flags, name: clusterName() }),
      this.streams,
    );
  }
}
