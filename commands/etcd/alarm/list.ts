import { EtcdCommand, etcdAlarms, etcdOutput } from '../../../src/cli/index.ts';

export default class EtcdAlarmList extends EtcdCommand {
  static override summary = 'List the alarms of the etcd cluster: out of space, or corrupt.';
  static override examples = ['<%= config.bin %> etcd alarm list'];
  static override flags = etcdOutput;

  async run(): Promise<void> {
    const { flags } = await this.parse(EtcdAlarmList);
    await this.withEtcd(flags, (kv) => etcdAlarms(kv, 'list', flags.output, this.io));
  }
}
