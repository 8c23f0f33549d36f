import { Args, Flags, OwnEtcdCommand, raftAct } from '../../../src/cli/index.ts';

export default class EtcdRaftHold extends OwnEtcdCommand {
  static override summary =
    'Hold back the messages of members of etcd, by default of all, until they are stepped by hand.';
  static override examples = ['<%= config.bin %> etcd raft hold', '<%= config.bin %> etcd raft hold m3'];
  static override strict = false;
  static override args = { member: Args.string({ description: 'names or IDs of members' }) };
  static override flags = {
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(EtcdRaftHold);
    const action = { action: 'hold', members: argv as string[] };
    this.print(await raftAct(await this.session(flags), action, flags.output));
  }
}
