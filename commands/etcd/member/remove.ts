import { Args, EtcdCommand, etcdAddress, etcdMemberChange } from '../../../src/cli/index.ts';

export default class EtcdMemberRemove extends EtcdCommand {
  static override summary =
    'Remove a member from the etcd cluster. In a klab cluster it stops, and its log is deleted.';
  static override examples = [
    '<%= config.bin %> etcd member remove m2',
    '<%= config.bin %> etcd member remove 8e9e05c52164694d --endpoints 10.0.0.1:2379',
  ];
  static override args = { member: Args.string({ description: 'ID or name of the member', required: true }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdMemberRemove);
    const { address } = await etcdAddress(flags, this.io);
    this.print(await etcdMemberChange(address, 'remove', args.member, [], this.signal));
  }
}
