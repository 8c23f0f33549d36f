import { Args, EtcdCommand, etcdUserPassword, readPassword } from '../../../src/cli/index.ts';

export default class EtcdUserPasswd extends EtcdCommand {
  static override summary = "Change an account's password: the first line of standard input.";
  static override examples = ['<%= config.bin %> etcd user passwd alice < password'];
  static override args = {
    name: Args.string({ description: 'its name', required: true }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdUserPasswd);
    await this.withEtcd(flags, (kv) => etcdUserPassword(kv, args.name, readPassword, this.io));
  }
}
