import { EtcdCommand, etcdHashKV, etcdOutput, Flags, wholeClusterFlag } from '../../../src/cli/index.ts';

export default class EtcdEndpointHashKV extends EtcdCommand {
  static override summary = "Show each etcd member's hash of its history: members that are alike have the same.";
  static override examples = [
    '<%= config.bin %> etcd endpoint hashkv',
    '<%= config.bin %> etcd endpoint hashkv --rev 1200 -o json',
  ];
  static override flags = {
    ...wholeClusterFlag,
    rev: Flags.integer({ summary: 'up to this revision; 0: all', min: 0, default: 0 }),
    ...etcdOutput,
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(EtcdEndpointHashKV);
    const request = { revision: flags.rev, output: flags.output };
    await etcdHashKV(await this.endpoints(flags), request, this.io);
  }
}
