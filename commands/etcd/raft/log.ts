import { Args, Flags, OwnEtcdCommand, raftLog } from '../../../src/cli/index.ts';

export default class EtcdRaftLog extends OwnEtcdCommand {
  static override summary = "Show a member's Raft log: index, term, what each entry wrote and for whom.";
  static override examples = ['<%= config.bin %> etcd raft log', '<%= config.bin %> etcd raft log m2 --limit 20'];
  static override args = {
    member: Args.string({ description: 'name or ID of the member; the one that the API server uses by default' }),
  };
  static override flags = {
    member: Flags.string({ summary: 'the same as MEMBER' }),
    limit: Flags.integer({ summary: 'at most so many entries', default: 20, min: 1 }),
    from: Flags.integer({ summary: 'first index', min: 1 }),
    to: Flags.integer({ summary: 'last index', min: 1 }),
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdRaftLog);
    const { member = args.member, limit, from, to, output } = flags;
    this.print(await raftLog(await this.session(flags), { member, limit, from, to, output }));
  }
}
