import { EtcdCommand, etcdOutput, etcdUserList } from '../../../src/cli/index.ts';

export default class EtcdUserList extends EtcdCommand {
  static override summary = 'List the accounts of etcd.';
  static override examples = ['<%= config.bin %> etcd user list'];
  static override flags = etcdOutput;

  async run(): Promise<void> {
    const { flags } = await this.parse(EtcdUserList);
    await this.withEtcd(flags, (kv) => etcdUserList(kv, flags.output, this.io));
  }
}
