import { Args, Flags, OwnEtcdCommand, raftAct } from '../../../src/cli/index.ts';

export default class EtcdRaftLink extends OwnEtcdCommand {
  static override summary = 'Make a link between members of etcd slow or lossy, or with no names every link.';
  static override examples = [
    '<%= config.bin %> etcd raft link --delay 50 --jitter 20',
    '<%= config.bin %> etcd raft link m1 m2 --drop 0.3',
    '<%= config.bin %> etcd raft link',
  ];
  static override args = {
    from: Args.string({ description: 'the sender' }),
    to: Args.string({ description: 'the receiver' }),
  };
  static override flags = {
    delay: Flags.integer({ summary: 'ms that each message takes', min: 0 }),
    jitter: Flags.integer({ summary: 'random ms on top of it: messages overtake each other', min: 0 }),
    drop: Flags.string({ summary: 'share of messages lost, 0 to 1' }),
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdRaftLink);
    const { delay, jitter, drop } = flags;
    const rule = {
      ...(delay !== undefined && { delayMs: delay }),
      ...(jitter !== undefined && { jitterMs: jitter }),
      ...(drop !== undefined && { drop: Number(drop) }),
    };
    const members = [args.from, args.to].filter((word) => word !== undefined);
    this.print(await raftAct(await this.session(flags), { action: 'link', members, rule }, flags.output));
  }
}
