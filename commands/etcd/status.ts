import { EtcdCommand, etcdAddress, etcdStatus, Flags } from '../../src/cli/index.ts';

export default class EtcdStatus extends EtcdCommand {
  static override summary = "Show each etcd member's version, size, leader, revision and Raft index.";
  static override examples = ['<%= config.bin %> etcd status', '<%= config.bin %> etcd status -o json'];
  static override flags = { output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }) };

  async run(): Promise<void> {
    const { flags } = await this.parse(EtcdStatus);
    const { address } = await etcdAddress(flags, this.io);
    this.print(await etcdStatus(address, flags.output, this.signal));
  }
}
