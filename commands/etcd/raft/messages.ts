import { Flags, OwnEtcdCommand, raftMessages } from '../../../src/cli/index.ts';

export default class EtcdRaftMessages extends OwnEtcdCommand {
  static override summary = 'Show what the members of etcd said to each other, and what became of it.';
  static override examples = [
    '<%= config.bin %> etcd raft messages',
    '<%= config.bin %> etcd raft messages --held --heartbeats',
  ];
  static override flags = {
    limit: Flags.integer({ summary: 'the newest so many; with --held the oldest', default: 30, min: 1 }),
    heartbeats: Flags.boolean({ summary: 'heartbeats and their answers, too' }),
    held: Flags.boolean({ summary: 'only those that have not arrived yet' }),
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(EtcdRaftMessages);
    const { limit, heartbeats, held, output } = flags;
    this.print(await raftMessages(await this.session(flags), { limit, heartbeats, held, output }));
  }
}
