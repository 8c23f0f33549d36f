import { EtcdCommand, etcdOutput, etcdRoleList } from '../../../src/cli/index.ts';

export default class EtcdRoleList extends EtcdCommand {
  static override summary = 'List the roles of etcd.';
  static override examples = ['<%= config.bin %> etcd role list'];
  static override flags = etcdOutput;

  async run(): Promise<void> {
    const { flags } = await this.parse(EtcdRoleList);
    await this.withEtcd(flags, (kv) => etcdRoleList(kv, flags.output, this.io));
  }
}
