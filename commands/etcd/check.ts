import { EtcdCommand, etcdCheck, Flags, UserError } from '../../src/cli/index.ts';

export default class EtcdCheck extends EtcdCommand {
  static override summary =
    "Verify a cluster's database: revisions, index, Raft log, leases; names the first wrong row.";
  static override examples = ['<%= config.bin %> etcd check', '<%= config.bin %> etcd check --database copy.db'];
  static override flags = {
    database: Flags.string({ summary: "another file than the cluster's", helpValue: 'FILE' }),
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(EtcdCheck);
    if (flags.endpoints) {
      throw new UserError(
        'klab etcd check reads the database of a klab cluster: of another etcd, use etcdctl endpoint hashkv',
        2,
      );
    }
    const { text, sound } = await etcdCheck(flags.name, flags.database, flags.output);
    this.print(text);
    if (!sound) process.exitCode = 1;
  }
}
