import { Args, EtcdCommand, etcdAddress, etcdMemberAdd, Flags } from '../../../src/cli/index.ts';

export default class EtcdMemberAdd extends EtcdCommand {
  static override summary = 'Take a member into the etcd cluster. In a klab cluster it starts at once and catches up.';
  static override examples = [
    '<%= config.bin %> etcd member add m2',
    '<%= config.bin %> etcd member add m2 --learner',
    '<%= config.bin %> etcd member add m4 --peer-urls https://10.0.0.4:2380 --endpoints 10.0.0.1:2379',
  ];
  static override args = { member: Args.string({ description: 'name of the new member', required: true }) };
  static override flags = {
    'peer-urls': Flags.string({
      summary: 'where the others reach it (default: inside this process)',
      multiple: true,
      multipleNonGreedy: true,
      delimiter: ',',
    }),
    learner: Flags.boolean({ summary: 'without a vote until it is promoted' }),
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdMemberAdd);
    if (flags.endpoints?.length && !flags['peer-urls']?.length) this.fail('member peer urls not provided', 2);
    const { address } = await etcdAddress(flags, this.io);
    const peerUrls = flags['peer-urls'] ?? [`inproc://${args.member}`];
    const request = { name: args.member, peerUrls, isLearner: flags.learner ?? false };
    this.print(await etcdMemberAdd(address, request, flags.output, this.signal));
  }
}
