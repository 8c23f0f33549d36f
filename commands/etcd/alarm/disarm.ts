import { EtcdCommand, etcdAlarms, etcdOutput } from '../../../src/cli/index.ts';

export default class EtcdAlarmDisarm extends EtcdCommand {
  static override summary = 'End all alarms of the etcd cluster.';
  static override examples = ['<%= config.bin %> etcd alarm disarm'];
  static override flags = etcdOutput;

  async run(): Promise<void> {
    const { flags } = await this.parse(EtcdAlarmDisarm);
    await this.withEtcd(flags, (kv) => etcdAlarms(kv, 'disarm', flags.output, this.io));
  }
}
