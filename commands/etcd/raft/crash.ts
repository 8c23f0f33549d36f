import { Args, Flags, OwnEtcdCommand, raftAct } from '../../../src/cli/index.ts';

export default class EtcdRaftCrash extends OwnEtcdCommand {
  static override summary = 'Stop members of etcd as a power cut would: memory is lost, the log on disk stays.';
  static override examples = ['<%= config.bin %> etcd raft crash m1'];
  static override strict = false;
  static override args = { member: Args.string({ description: 'names or IDs of members', required: true }) };
  static override flags = {
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(EtcdRaftCrash);
    const action = { action: 'crash', members: argv as string[] };
    this.print(await raftAct(await this.session(flags), action, flags.output));
  }
}
