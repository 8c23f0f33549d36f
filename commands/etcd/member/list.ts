import { EtcdCommand, etcdAddress, etcdMembers, Flags } from '../../../src/cli/index.ts';

export default class EtcdMemberList extends EtcdCommand {
  static override summary = 'List the members of the etcd cluster.';
  static override examples = ['<%= config.bin %> etcd member list'];
  static override flags = { output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }) };

  async run(): Promise<void> {
    const { flags } = await this.parse(EtcdMemberList);
    const { address } = await etcdAddress(flags, this.io);
    this.print(await etcdMembers(address, flags.output, this.signal));
  }
}
