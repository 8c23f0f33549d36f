import { EtcdCommand, type EtcdOutput, etcdUserList, Flags } from '../../../src/cli/index.ts';

export default class EtcdUserList extends EtcdCommand {
  static override summary = 'List the accounts of etcd.';
  static override examples = ['<%= config.bin %> etcd user list'];
  static override flags = {
    output: Flags.string({
      char: 'o',
      summary: 'output format',
      options: ['simple', 'json', 'yaml'],
      default: 'simple',
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(EtcdUserList);
    await this.withEtcd(flags, (kv) => etcdUserList(kv, flags.output as EtcdOutput, this.io));
  }
}
