import { Args, Flags, OwnEtcdCommand, raftAct } from '../../../src/cli/index.ts';

export default class EtcdRaftRestart extends OwnEtcdCommand {
  static override summary = 'Start members of etcd that have crashed, from their logs.';
  static override examples = ['<%= config.bin %> etcd raft restart m1'];
  static override strict = false;
  static override args = { member: Args.string({ description: 'names or IDs of members', required: true }) };
  static override flags = {
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(EtcdRaftRestart);
    const action = { action: 'restart', members: argv as string[] };
    this.print(await raftAct(await this.session(flags), action, flags.output));
  }
}
