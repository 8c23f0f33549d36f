import { Args, Flags, OwnEtcdCommand, raftAct } from '../../../src/cli/index.ts';

export default class EtcdRaftStep extends OwnEtcdCommand {
  static override summary = 'Deliver held messages of etcd: the oldest, the oldest so many, or those named.';
  static override examples = [
    '<%= config.bin %> etcd raft step',
    '<%= config.bin %> etcd raft step 5',
    '<%= config.bin %> etcd raft step --seq 812',
  ];
  static override args = { count: Args.integer({ description: 'how many', min: 1, default: 1 }) };
  static override flags = {
    seq: Flags.integer({
      summary: 'the message of this number (may be repeated)',
      multiple: true,
      multipleNonGreedy: true,
    }),
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdRaftStep);
    const action = { action: 'step', count: args.count, ...(flags.seq && { seqs: flags.seq }) };
    this.print(await raftAct(await this.session(flags), action, flags.output));
  }
}
