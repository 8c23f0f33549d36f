import { Args, EtcdCommand, etcdPut, Flags } from '../../src/cli/index.ts';

export default class EtcdPut extends EtcdCommand {
  static override summary = 'Write a key of etcd. Below /registry this goes past the API server and all it checks.';
  static override examples = ['<%= config.bin %> etcd put /lab/greeting hello'];
  static override args = {
    key: Args.string({ description: 'the key', required: true }),
    value: Args.string({ description: 'the value', required: true }),
  };
  static override flags = { lease: Flags.string({ summary: 'ID of the lease to hang it on, in hex' }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdPut);
    await this.withEtcd(flags, (kv) => etcdPut(kv, { ...args, lease: flags.lease }, this.io));
  }
}
