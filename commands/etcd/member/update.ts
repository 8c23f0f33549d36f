import { Args, EtcdCommand, etcdAddress, etcdMemberChange, Flags } from '../../../src/cli/index.ts';

export default class EtcdMemberUpdate extends EtcdCommand {
  static override summary = 'Change the peer addresses of a member of the etcd cluster.';
  static override examples = ['<%= config.bin %> etcd member update m2 --peer-urls https://10.0.0.2:2380'];
  static override args = { member: Args.string({ description: 'ID or name of the member', required: true }) };
  static override flags = {
    'peer-urls': Flags.string({
      summary: 'where the others reach it from now on',
      multiple: true,
      multipleNonGreedy: true,
      delimiter: ',',
      required: true,
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdMemberUpdate);
    const { address } = await etcdAddress(flags, this.io);
    this.print(await etcdMemberChange(address, 'update', args.member, flags['peer-urls'], this.signal));
  }
}
