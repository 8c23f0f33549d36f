import { EtcdCommand, etcdLeaseList, etcdOutput } from '../../../src/cli/index.ts';

export default class EtcdLeaseList extends EtcdCommand {
  static override summary = 'List the leases that live.';
  static override examples = ['<%= config.bin %> etcd lease list', '<%= config.bin %> etcd lease list -o json'];
  static override flags = etcdOutput;

  async run(): Promise<void> {
    const { flags } = await this.parse(EtcdLeaseList);
    await this.withEtcd(flags, (kv) => etcdLeaseList(kv, flags.output, this.io));
  }
}
