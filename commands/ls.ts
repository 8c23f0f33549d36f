import { allClusters, BaseCommand, Flags, humanBytes, printData, renderTable } from '../src/cli/index.ts';

export default class Ls extends BaseCommand {
  static override summary = 'List all clusters that have state on this machine.';
  static override examples = ['<%= config.bin %> ls', '<%= config.bin %> ls -o json'];
  static override flags = {
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml', 'name'] }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Ls);
    const clusters = await allClusters();
    if (flags.output === 'name') {
      for (const cluster of clusters) this.print(cluster.name);
      return;
    }
    if (flags.output) {
      this.print(printData(clusters, flags.output as 'json' | 'yaml'));
      return;
    }
    if (clusters.length === 0) {
      this.say('no clusters; create one with: klab up');
      return;
    }
    const rows = clusters.map((cluster) => [
      cluster.name,
      cluster.running ? 'Running' : cluster.starting ? 'Starting' : 'Stopped',
      cluster.nodes === undefined ? '-' : String(cluster.nodes),
      cluster.api?.endpoint ?? '-',
      humanBytes(cluster.sizes.totalBytes),
    ]);
    this.print(renderTable(['NAME', 'STATUS', 'NODES', 'API', 'SIZE'], rows));
  }
}
