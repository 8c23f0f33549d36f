import { Args, EtcdCommand, etcdAddress, etcdMemberChange } from '../../../src/cli/index.ts';

export default class EtcdMemberPromote extends EtcdCommand {
  static override summary = 'Give a learner that has caught up its vote.';
  static override examples = [
    '<%= config.bin %> etcd member promote m2',
    '<%= config.bin %> etcd member promote 8e9e05c52164694d --endpoints 10.0.0.1:2379',
  ];
  static override args = { member: Args.string({ description: 'ID or name of the member', required: true }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdMemberPromote);
    const { address } = await etcdAddress(flags, this.io);
    this.print(await etcdMemberChange(address, 'promote', args.member, [], this.signal));
  }
}
