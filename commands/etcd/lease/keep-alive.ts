import { Args, EtcdCommand, etcdLeaseKeepAliveOnce } from '../../../src/cli/index.ts';

export default class EtcdLeaseKeepAlive extends EtcdCommand {
  static override summary = 'Renew a lease once: it lives for its whole time again.';
  static override examples = ['<%= config.bin %> etcd lease keep-alive 694d77aa9e38260f'];
  static override args = { lease: Args.string({ description: 'its ID, in hex', required: true }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdLeaseKeepAlive);
    await this.withEtcd(flags, (kv) => etcdLeaseKeepAliveOnce(kv, args.lease, this.io));
  }
}
