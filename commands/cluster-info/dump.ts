import { ApiCommand, dumpCluster, Flags, printFlags } from '../../src/cli/index.ts';

export default class ClusterInfoDump extends ApiCommand {
  static override summary =
    'Write what is needed to find out what is wrong: nodes, events, workloads, pods and their logs.';
  static override usage = 'cluster-info dump [flags]';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> cluster-info dump',
    '<%= config.bin %> cluster-info dump --output-directory=./state --namespaces=default,kube-system',
  ];
  static override flags = {
    ...printFlags,
    'all-namespaces': Flags.boolean({ char: 'A', summary: 'of all namespaces; --namespaces is ignored' }),
    namespaces: Flags.string({
      summary: 'of these namespaces; default kube-system and the current one',
      multiple: true,
      multipleNonGreedy: true,
      delimiter: ',',
    }),
    'output-directory': Flags.string({ summary: 'a file for each kind and pod in this folder; - is stdout' }),
    'pod-running-timeout': Flags.string({ summary: 'how long a pod may take to run', default: '20s' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parseWords(ClusterInfoDump);
    await dumpCluster(flags, () => this.session(flags), this.streams);
  }
}
