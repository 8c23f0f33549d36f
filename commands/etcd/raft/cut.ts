import { Args, Flags, OwnEtcdCommand, raftAct } from '../../../src/cli/index.ts';

export default class EtcdRaftCut extends OwnEtcdCommand {
  static override summary = 'Lose what one member of etcd sends to another; the other direction stays.';
  static override examples = ['<%= config.bin %> etcd raft cut m1 m2'];
  static override args = {
    from: Args.string({ description: 'the member whose messages are lost', required: true }),
    to: Args.string({ description: 'the member that gets none', required: true }),
  };
  static override flags = {
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdRaftCut);
    const action = { action: 'cut', members: [args.from, args.to] };
    this.print(await raftAct(await this.session(flags), action, flags.output));
  }
}
