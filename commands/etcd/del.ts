import { Args, EtcdCommand, etcdDelete, Flags } from '../../src/cli/index.ts';

export default class EtcdDel extends EtcdCommand {
  static override summary = 'Delete keys of etcd and print how many went.';
  static override examples = ['<%= config.bin %> etcd del /lab/greeting', '<%= config.bin %> etcd del /lab --prefix'];
  static override args = {
    key: Args.string({ description: 'the key, or with --prefix its beginning', required: true }),
  };
  static override flags = { prefix: Flags.boolean({ summary: 'all keys that begin so' }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdDel);
    await this.withEtcd(flags, (kv) => etcdDelete(kv, { key: args.key, prefix: flags.prefix }, this.io));
  }
}
