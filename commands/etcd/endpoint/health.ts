import { EtcdCommand, etcdHealth, etcdOutput, wholeClusterFlag } from '../../../src/cli/index.ts';

export default class EtcdEndpointHealth extends EtcdCommand {
  static override summary = 'Say of each etcd member whether it answers with a quorum; exit code 1 when one does not.';
  static override examples = [
    '<%= config.bin %> etcd endpoint health',
    '<%= config.bin %> etcd endpoint health --cluster -o json',
  ];
  static override flags = {
    ...wholeClusterFlag,
    ...etcdOutput,
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(EtcdEndpointHealth);
    await etcdHealth(await this.endpoints(flags), flags.output, this.io);
  }
}
