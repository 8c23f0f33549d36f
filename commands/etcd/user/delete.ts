import { Args, EtcdCommand, etcdUserDelete } from '../../../src/cli/index.ts';

export default class EtcdUserDelete extends EtcdCommand {
  static override summary = 'Delete an account of etcd.';
  static override examples = ['<%= config.bin %> etcd user delete alice'];
  static override args = {
    name: Args.string({ description: 'its name', required: true }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdUserDelete);
    await this.withEtcd(flags, (kv) => etcdUserDelete(kv, args.name, this.io));
  }
}
