import { ConfigCommand, configGetNames } from '../../src/cli/index.ts';

export default class ConfigGetClusters extends ConfigCommand {
  static override summary = 'List the names of clusters.';
  static override strict = false;
  static override usage = 'config get-clusters';
  static override examples = ['<%= config.bin %> config get-clusters'];

  async run(): Promise<void> {
    const { flags } = await this.parseWords(ConfigGetClusters);
    configGetNames('clusters', flags, this.streams);
  }
}
