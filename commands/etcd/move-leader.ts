import { Args, EtcdCommand, etcdMoveLeader } from '../../src/cli/index.ts';

export default class EtcdMoveLeader extends EtcdCommand {
  static override summary = 'Let another member lead.';
  static override examples = [
    '<%= config.bin %> etcd move-leader 8e9e05c52164694d',
    '<%= config.bin %> etcd move-leader m2',
  ];
  static override args = {
    member: Args.string({ description: 'its ID, or its name', required: true }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdMoveLeader);
    await etcdMoveLeader(await this.endpoints(flags), args.member, this.io);
  }
}
