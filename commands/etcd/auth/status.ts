import { EtcdCommand, etcdAuthStatus, etcdOutput } from '../../../src/cli/index.ts';

export default class EtcdAuthStatus extends EtcdCommand {
  static override summary = 'Show whether accounts are asked for.';
  static override examples = ['<%= config.bin %> etcd auth status'];
  static override flags = etcdOutput;

  async run(): Promise<void> {
    const { flags } = await this.parse(EtcdAuthStatus);
    await this.withEtcd(flags, (kv) => etcdAuthStatus(kv, flags.output, this.io));
  }
}
