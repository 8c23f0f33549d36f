import { Args, EtcdCommand, etcdCompareAndSwap, Flags } from '../../src/cli/index.ts';

export default class EtcdCas extends EtcdCommand {
  static override summary = 'Write a key of etcd if it still has the old value; exit code 1 when it has not.';
  static override description =
    'Compare and swap, in one transaction: of two that read the same value only one can write. With --create the key ' +
    'must not exist yet, and only the new value is given.';
  static override usage = 'etcd cas KEY OLD NEW | etcd cas --create KEY NEW';
  static override examples = [
    '<%= config.bin %> etcd cas --create /lock/printer alice',
    '<%= config.bin %> etcd cas /lock/printer alice bob',
  ];
  static override args = {
    key: Args.string({ description: 'the key', required: true }),
    old: Args.string({ description: 'the value it must have', required: true }),
    new: Args.string({ description: 'the value to write' }),
  };
  static override flags = {
    create: Flags.boolean({ summary: 'the key must not exist yet', default: false }),
    lease: Flags.string({ summary: 'ID of the lease to hang it on, in hex' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdCas);
    const { key, old } = args;
    const { lease } = flags;
    if (flags.create !== (args.new === undefined))
      this.fail('give KEY OLD NEW, or --create KEY NEW for a key that must not exist yet', 2);
    const request = args.new === undefined ? { key, value: old, lease } : { key, old, value: args.new, lease };
    await this.withEtcd(flags, (kv) => etcdCompareAndSwap(kv, request, this.io));
  }
}
