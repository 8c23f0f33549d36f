import { Flags, OwnEtcdCommand, raftStatus } from '../../../src/cli/index.ts';

export default class EtcdRaftStatus extends OwnEtcdCommand {
  static override summary = 'Show the Raft state of every member: role, term, vote, commit, applied.';
  static override examples = ['<%= config.bin %> etcd raft status', '<%= config.bin %> etcd raft status -o json'];
  static override flags = { output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }) };

  async run(): Promise<void> {
    const { flags } = await this.parse(EtcdRaftStatus);
    this.print(await raftStatus(await this.session(flags), flags.output));
  }
}
