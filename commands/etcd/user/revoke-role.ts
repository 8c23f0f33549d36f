import { Args, EtcdCommand, etcdUserRole } from '../../../src/cli/index.ts';

export default class EtcdUserRevokeRole extends EtcdCommand {
  static override summary = 'Take a role from an account.';
  static override examples = ['<%= config.bin %> etcd user revoke-role alice readers'];
  static override args = {
    user: Args.string({ description: 'the account', required: true }),
    role: Args.string({ description: 'the role', required: true }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdUserRevokeRole);
    await this.withEtcd(flags, (kv) => etcdUserRole(kv, 'revoke', args, this.io));
  }
}
