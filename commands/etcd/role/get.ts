import { Args, EtcdCommand, etcdOutput, etcdRoleGet } from '../../../src/cli/index.ts';

export default class EtcdRoleGet extends EtcdCommand {
  static override summary = 'Show what a role permits.';
  static override examples = ['<%= config.bin %> etcd role get readers'];
  static override args = {
    role: Args.string({ description: 'its name', required: true }),
  };
  static override flags = etcdOutput;

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdRoleGet);
    await this.withEtcd(flags, (kv) => etcdRoleGet(kv, args.role, flags.output, this.io));
  }
}
