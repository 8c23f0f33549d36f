import { Args, Flags, OwnEtcdCommand, raftAct } from '../../../src/cli/index.ts';

export default class EtcdRaftPause extends OwnEtcdCommand {
  static override summary = 'Stop members of etcd where they stand: no ticks, no messages, no answers.';
  static override examples = ['<%= config.bin %> etcd raft pause m1'];
  static override strict = false;
  static override args = { member: Args.string({ description: 'names or IDs of members', required: true }) };
  static override flags = {
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(EtcdRaftPause);
    const action = { action: 'pause', members: argv as string[] };
    this.print(await raftAct(await this.session(flags), action, flags.output));
  }
}
