import { Args, EtcdCommand, etcdRevokePermission, keyRangeFlags } from '../../../src/cli/index.ts';

export default class EtcdRoleRevokePermission extends EtcdCommand {
  static override summary = 'Take keys from a role again.';
  static override examples = ['<%= config.bin %> etcd role revoke-permission readers /lab --prefix'];
  static override args = {
    role: Args.string({ description: 'its name', required: true }),
    key: Args.string({ description: 'the key, or with --prefix its beginning', required: true }),
    end: Args.string({ description: 'all keys from the first up to this one, without it' }),
  };
  static override flags = keyRangeFlags;

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdRoleRevokePermission);
    const range = { key: args.key, rangeEnd: args.end, prefix: flags.prefix, fromKey: flags['from-key'] };
    await this.withEtcd(flags, (kv) => etcdRevokePermission(kv, args.role, range, this.io));
  }
}
