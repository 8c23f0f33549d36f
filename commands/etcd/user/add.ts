import { Args, EtcdCommand, etcdUserAdd, Flags, readPassword } from '../../../src/cli/index.ts';

export default class EtcdUserAdd extends EtcdCommand {
  static override summary =
    'Make an account of etcd. Its password is an argument, or the first line of standard input.';
  static override examples = [
    '<%= config.bin %> etcd user add alice:secret',
    'echo secret | <%= config.bin %> etcd user add alice',
    '<%= config.bin %> etcd user add alice --no-password',
  ];
  static override args = {
    name: Args.string({ description: 'NAME, or NAME:PASSWORD', required: true }),
  };
  static override flags = {
    'new-user-password': Flags.string({ summary: 'its password' }),
    'no-password': Flags.boolean({ summary: 'only for holders of a certificate with its name' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdUserAdd);
    const user = { name: args.name, password: flags['new-user-password'], noPassword: flags['no-password'] };
    await this.withEtcd(flags, (kv) => etcdUserAdd(kv, user, readPassword, this.io));
  }
}
