import { EtcdCommand, etcdAuthEnable } from '../../../src/cli/index.ts';

export default class EtcdAuthEnable extends EtcdCommand {
  static override summary = 'Let only accounts in. There must be a user root.';
  static override description =
    'The API server of klab goes on working: it is no client of the door that accounts guard.';
  static override examples = [
    '<%= config.bin %> etcd user add root:secret',
    '<%= config.bin %> etcd auth enable',
    '<%= config.bin %> etcd get --prefix --keys-only --user root:secret',
  ];

  async run(): Promise<void> {
    const { flags } = await this.parse(EtcdAuthEnable);
    await this.withEtcd(flags, (kv) => etcdAuthEnable(kv, this.io));
  }
}
