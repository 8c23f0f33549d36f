import { Args, EtcdCommand, etcdLeaseTimeToLive, etcdOutput, Flags } from '../../../src/cli/index.ts';

export default class EtcdLeaseTimeToLive extends EtcdCommand {
  static override summary = 'Show how long a lease lives, and which keys hang on it.';
  static override examples = [
    '<%= config.bin %> etcd lease timetolive 694d77aa9e38260f',
    '<%= config.bin %> etcd lease timetolive 694d77aa9e38260f --keys',
  ];
  static override args = {
    lease: Args.string({ description: 'its ID, in hex', required: true }),
  };
  static override flags = {
    keys: Flags.boolean({ summary: 'the keys that hang on it' }),
    ...etcdOutput,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdLeaseTimeToLive);
    const request = { lease: args.lease, keys: flags.keys, output: flags.output };
    await this.withEtcd(flags, (kv) => etcdLeaseTimeToLive(kv, request, this.io));
  }
}
