import { ConfigCommand, configDelete } from '../../src/cli/index.ts';

export default class ConfigDeleteCluster extends ConfigCommand {
  static override summary = 'Delete a cluster.';
  static override strict = false;
  static override usage = 'config delete-cluster NAME';
  static override examples = ['<%= config.bin %> config delete-cluster dev'];

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(ConfigDeleteCluster);
    await configDelete('cluster', words, flags, this.streams);
  }
}
