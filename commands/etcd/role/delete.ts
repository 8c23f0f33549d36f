import { Args, EtcdCommand, etcdRoleDelete } from '../../../src/cli/index.ts';

export default class EtcdRoleDelete extends EtcdCommand {
  static override summary = 'Delete a role.';
  static override examples = ['<%= config.bin %> etcd role delete readers'];
  static override args = {
    role: Args.string({ description: 'its name', required: true }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdRoleDelete);
    await this.withEtcd(flags, (kv) => etcdRoleDelete(kv, args.role, this.io));
  }
}
