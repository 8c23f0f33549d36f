import { Args, EtcdCommand, etcdCompareAndDelete } from '../../src/cli/index.ts';

export default class EtcdCad extends EtcdCommand {
  static override summary = 'Delete a key of etcd if it still has the old value; exit code 1 when it has not.';
  static override examples = ['<%= config.bin %> etcd cad /lock/printer alice'];
  static override args = {
    key: Args.string({ description: 'the key', required: true }),
    old: Args.string({ description: 'the value it must have', required: true }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdCad);
    await this.withEtcd(flags, (kv) => etcdCompareAndDelete(kv, args, this.io));
  }
}
