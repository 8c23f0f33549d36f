import { Args, EtcdCommand, etcdRoleAdd } from '../../../src/cli/index.ts';

export default class EtcdRoleAdd extends EtcdCommand {
  static override summary = 'Make a role, which permits nothing yet.';
  static override examples = ['<%= config.bin %> etcd role add readers'];
  static override args = {
    role: Args.string({ description: 'its name', required: true }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdRoleAdd);
    await this.withEtcd(flags, (kv) => etcdRoleAdd(kv, args.role, this.io));
  }
}
