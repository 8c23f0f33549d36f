import { Args, BaseCommand, Flags, raftRun } from '../../../src/cli/index.ts';

export default class EtcdRaftRun extends BaseCommand {
  static override summary = 'Play a Raft scenario from a file and tell what happened.';
  static override description =
    "Runs the state machine of klab's Raft in this process, without a cluster: nodes, disks, and a network with faults, " +
    'tick by tick. The same file and seed give the same story. Exits with 1 when something that the file expects is not so.';
  static override examples = [
    '<%= config.bin %> etcd raft run fixtures/labs/raft/split-vote.yaml',
    '<%= config.bin %> etcd raft run election.yaml --seed 7 --messages',
    '<%= config.bin %> etcd raft run election.yaml -o json',
  ];
  static override args = { file: Args.string({ description: 'scenario, or - for stdin', required: true }) };
  static override flags = {
    seed: Flags.string({ summary: "decides election timeouts and latencies; by default the file's" }),
    messages: Flags.boolean({ summary: 'tell every message too' }),
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdRaftRun);
    const { text, ok } = await raftRun({ ...args, ...flags });
    this.print(text);
    if (!ok) process.exitCode = 1;
  }
}
