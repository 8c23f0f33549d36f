import { Args, BaseCommand, etcdSnapshotStatus, Flags } from '../../../src/cli/index.ts';

export default class EtcdSnapshotStatus extends BaseCommand {
  static override summary = 'Show what an etcd snapshot file holds: hash, revision, keys, size.';
  static override examples = ['<%= config.bin %> etcd snapshot status backup.db'];
  static override args = { file: Args.string({ description: 'the snapshot', required: true }) };
  static override flags = { output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdSnapshotStatus);
    this.print(await etcdSnapshotStatus(args.file, flags.output));
  }
}
