import { Args, Flags, OwnEtcdCommand, raftAct, readSides } from '../../../src/cli/index.ts';

export default class EtcdRaftPartition extends OwnEtcdCommand {
  static override summary =
    'Split the network between the members of etcd. Members named nowhere form a side of their own.';
  static override examples = [
    '<%= config.bin %> etcd raft partition m1 m2,m3',
    '<%= config.bin %> etcd raft partition m1',
  ];
  static override strict = false;
  static override args = { side: Args.string({ description: 'sides: names of members, with commas', required: true }) };
  static override flags = {
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(EtcdRaftPartition);
    const action = { action: 'partition', sides: readSides(argv as string[]) };
    this.print(await raftAct(await this.session(flags), action, flags.output));
  }
}
