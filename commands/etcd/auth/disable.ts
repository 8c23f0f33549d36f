import { EtcdCommand, etcdAuthDisable } from '../../../src/cli/index.ts';

export default class EtcdAuthDisable extends EtcdCommand {
  static override summary = 'Let everybody in again who has a certificate.';
  static override examples = ['<%= config.bin %> etcd auth disable --user root:secret'];

  async run(): Promise<void> {
    const { flags } = await this.parse(EtcdAuthDisable);
    await this.withEtcd(flags, (kv) => etcdAuthDisable(kv, this.io));
  }
}
