import { Args, EtcdCommand, etcdOutput, etcdUserGet, Flags } from '../../../src/cli/index.ts';

export default class EtcdUserGet extends EtcdCommand {
  static override summary = 'Show the roles of an account.';
  static override examples = [
    '<%= config.bin %> etcd user get alice',
    '<%= config.bin %> etcd user get alice --detail',
  ];
  static override args = {
    name: Args.string({ description: 'its name', required: true }),
  };
  static override flags = {
    detail: Flags.boolean({ summary: 'what the roles permit' }),
    ...etcdOutput,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdUserGet);
    const request = { name: args.name, detail: flags.detail, output: flags.output };
    await this.withEtcd(flags, (kv) => etcdUserGet(kv, request, this.io));
  }
}
