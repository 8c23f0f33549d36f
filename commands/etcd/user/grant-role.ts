import { Args, EtcdCommand, etcdUserRole } from '../../../src/cli/index.ts';

export default class EtcdUserGrantRole extends EtcdCommand {
  static override summary = 'Give an account a role.';
  static override examples = ['<%= config.bin %> etcd user grant-role alice readers'];
  static override args = {
    user: Args.string({ description: 'the account', required: true }),
    role: Args.string({ description: 'the role', required: true }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdUserGrantRole);
    await this.withEtcd(flags, (kv) => etcdUserRole(kv, 'grant', args, this.io));
  }
}
