import { Args, EtcdCommand, etcdGrantPermission, keyRangeFlags } from '../../../src/cli/index.ts';

export default class EtcdRoleGrantPermission extends EtcdCommand {
  static override summary = 'Let a role read or write keys.';
  static override examples = [
    '<%= config.bin %> etcd role grant-permission readers read /lab --prefix',
    '<%= config.bin %> etcd role grant-permission writers readwrite /lab/a /lab/m',
  ];
  static override args = {
    role: Args.string({ description: 'its name', required: true }),
    permission: Args.string({ description: 'read, write or readwrite', required: true }),
    key: Args.string({ description: 'the key, or with --prefix its beginning', required: true }),
    end: Args.string({ description: 'all keys from the first up to this one, without it' }),
  };
  static override flags = keyRangeFlags;

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdRoleGrantPermission);
    const range = { key: args.key, rangeEnd: args.end, prefix: flags.prefix, fromKey: flags['from-key'] };
    await this.withEtcd(flags, (kv) => etcdGrantPermission(kv, args.role, args.permission, range, this.io));
  }
}
