import { EtcdCommand, etcdStatus, Flags, wholeClusterFlag } from '../../src/cli/index.ts';

export default class EtcdStatus extends EtcdCommand {
  static override summary = "Show each etcd member's version, size, leader, revision and Raft index.";
  static override aliases = ['etcd:endpoint:status'];
  static override examples = ['<%= config.bin %> etcd status', '<%= config.bin %> etcd status -o json'];
  static override flags = {
    ...wholeClusterFlag,
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(EtcdStatus);
    this.print(await etcdStatus(await this.endpoints(flags), flags.output, this.signal));
  }
}
