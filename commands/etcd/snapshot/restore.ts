import { Args, EtcdCommand, etcdSnapshotRestore, Flags } from '../../../src/cli/index.ts';

export default class EtcdSnapshotRestore extends EtcdCommand {
  static override summary = 'Make a new klab cluster of an etcd snapshot: of klab, or of any real etcd.';
  static override examples = [
    '<%= config.bin %> etcd snapshot restore backup.db --name restored && <%= config.bin %> up --name restored',
  ];
  static override args = { file: Args.string({ description: 'the snapshot', required: true }) };
  static override flags = {
    'skip-hash-check': Flags.boolean({ summary: "ignore the snapshot's checksum (a copied database file has none)" }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdSnapshotRestore);
    this.print(await etcdSnapshotRestore(flags.name, args.file, { skipHashCheck: flags['skip-hash-check'] }));
  }
}
