import { EtcdCommand, etcdAddress, etcdEnv } from '../../src/cli/index.ts';

export default class EtcdEnv extends EtcdCommand {
  static override summary = 'Print ETCDCTL_* settings, so that plain etcdctl speaks to the cluster.';
  static override examples = ['eval "$(<%= config.bin %> etcd env)" && etcdctl get --prefix /registry --keys-only'];

  async run(): Promise<void> {
    const { flags } = await this.parse(EtcdEnv);
    const { address } = await etcdAddress(flags, this.io);
    this.print(etcdEnv(address));
  }
}
