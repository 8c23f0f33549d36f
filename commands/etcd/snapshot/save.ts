import { Args, EtcdCommand, etcdAddress, etcdSnapshotSave } from '../../../src/cli/index.ts';

export default class EtcdSnapshotSave extends EtcdCommand {
  static override summary = "Save a backup of etcd's state to a file, while it runs, in etcd's own format.";
  static override examples = [
    '<%= config.bin %> etcd snapshot save backup.db',
    '<%= config.bin %> etcd snapshot save backup.db --endpoints 10.0.0.1:2379',
  ];
  static override args = { file: Args.string({ description: 'the file to make', required: true }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdSnapshotSave);
    const { address } = await etcdAddress(flags, this.io);
    this.print(await etcdSnapshotSave(address, args.file, this.signal));
  }
}
