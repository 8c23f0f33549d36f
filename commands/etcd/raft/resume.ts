import { Args, Flags, OwnEtcdCommand, raftAct } from '../../../src/cli/index.ts';

export default class EtcdRaftResume extends OwnEtcdCommand {
  static override summary = 'Let paused members of etcd go on.';
  static override examples = ['<%= config.bin %> etcd raft resume m1'];
  static override strict = false;
  static override args = { member: Args.string({ description: 'names or IDs of members', required: true }) };
  static override flags = {
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(EtcdRaftResume);
    const action = { action: 'resume', members: argv as string[] };
    this.print(await raftAct(await this.session(flags), action, flags.output));
  }
}
