import { EtcdCommand, etcdDefragment, wholeClusterFlag } from '../../src/cli/index.ts';

export default class EtcdDefrag extends EtcdCommand {
  static override summary = 'Give the space of what is gone back to the file system, member by member.';
  static override examples = [
    '<%= config.bin %> etcd defrag',
    '<%= config.bin %> etcd defrag --cluster --endpoints 10.0.0.1:2379',
  ];
  static override flags = wholeClusterFlag;

  async run(): Promise<void> {
    const { flags } = await this.parse(EtcdDefrag);
    await etcdDefragment(await this.endpoints(flags), this.io);
  }
}
