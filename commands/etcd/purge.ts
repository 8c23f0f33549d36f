import { Args, etcdPurge, Flags, OwnEtcdCommand } from '../../src/cli/index.ts';

export default class EtcdPurge extends OwnEtcdCommand {
  static override summary = 'Erase the past of a key from the disk, e.g. of a Secret; what it holds now stays.';
  static override description =
    'Past revisions of the key go from the store, the Raft logs, the database file and its write-ahead log. etcd is ' +
    'compacted for it, and the database is written anew: about a second for 100 MB, in which the cluster stands still.';
  static override examples = ['<%= config.bin %> etcd purge /registry/secrets/default/db'];
  static override args = { key: Args.string({ description: 'the key', required: true }) };
  static override flags = {
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdPurge);
    this.print(await etcdPurge(await this.session(flags), args.key, flags.output));
  }
}
