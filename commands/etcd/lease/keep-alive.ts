import { Args, EtcdCommand, etcdLeaseKeepAlive, Flags } from '../../../src/cli/index.ts';

export default class EtcdLeaseKeepAlive extends EtcdCommand {
  static override summary = 'Keep a lease alive until interrupted: it is renewed three times in its life.';
  static override examples = [
    '<%= config.bin %> etcd lease keep-alive 694d77aa9e38260f',
    '<%= config.bin %> etcd lease keep-alive --once 694d77aa9e38260f',
  ];
  static override args = {
    lease: Args.string({ description: 'its ID, in hex', required: true }),
  };
  static override flags = {
    once: Flags.boolean({ summary: 'renew it and return' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdLeaseKeepAlive);
    await this.withEtcd(flags, (kv) => etcdLeaseKeepAlive(kv, args.lease, flags.once, this.io));
  }
}
