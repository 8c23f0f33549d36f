import { EtcdCommand, type EtcdOutput, etcdHashKV, Flags } from '../../../src/cli/index.ts';

export default class EtcdEndpointHashKV extends EtcdCommand {
  static override summary = "Show each etcd member's hash of its history: members that are alike have the same.";
  static override examples = [
    '<%= config.bin %> etcd endpoint hashkv',
    '<%= config.bin %> etcd endpoint hashkv --rev 1200 -o json',
  ];
  static override flags = {
    cluster: Flags.boolean({ summary: 'all members that the cluster knows, instead of the endpoints given' }),
    rev: Flags.integer({ summary: 'up to this revision; 0: all', min: 0, default: 0 }),
    output: Flags.string({
      char: 'o',
      summary: 'output format',
      options: ['simple', 'json', 'yaml'],
      default: 'simple',
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(EtcdEndpointHashKV);
    const request = { revision: flags.rev, output: flags.output as EtcdOutput };
    await etcdHashKV(await this.endpoints(flags), request, this.io);
  }
}
