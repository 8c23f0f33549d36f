import { ApiCommand, clusterInfo } from '../../src/cli/index.ts';

export default class ClusterInfo extends ApiCommand {
  static override summary = 'Show where the control plane and the cluster services answer.';
  static override usage = 'cluster-info [flags]';
  static override strict = false;
  static override examples = ['<%= config.bin %> cluster-info'];

  async run(): Promise<void> {
    const { flags } = await this.parseWords(ClusterInfo);
    await clusterInfo(await this.session(flags), this.streams);
  }
}
