import { Args, EtcdCommand, etcdLeaseRevoke } from '../../../src/cli/index.ts';

export default class EtcdLeaseRevoke extends EtcdCommand {
  static override summary = 'End a lease now, and with it the keys that hang on it.';
  static override examples = ['<%= config.bin %> etcd lease revoke 694d77aa9e38260f'];
  static override args = { lease: Args.string({ description: 'its ID, in hex', required: true }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdLeaseRevoke);
    await this.withEtcd(flags, (kv) => etcdLeaseRevoke(kv, args.lease, this.io));
  }
}
