import { Args, EtcdCommand, etcdDelete, Flags, keyRangeFlags } from '../../src/cli/index.ts';

export default class EtcdDel extends EtcdCommand {
  static override summary = 'Delete keys of etcd and print how many went.';
  static override examples = [
    '<%= config.bin %> etcd del /lab/greeting',
    '<%= config.bin %> etcd del /lab --prefix',
    '<%= config.bin %> etcd del /lab/a /lab/m',
    '<%= config.bin %> etcd del /lab --prefix --prev-kv',
  ];
  static override args = {
    key: Args.string({ description: 'the key, or with --prefix its beginning', required: true }),
    end: Args.string({ description: 'all keys from the first up to this one, without it' }),
  };
  static override flags = {
    ...keyRangeFlags,
    'prev-kv': Flags.boolean({ summary: 'print the pairs that went' }),
    'show-secrets': Flags.boolean({ summary: 'show the values of Secrets' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdDel);
    const request = {
      key: args.key,
      rangeEnd: args.end,
      prefix: flags.prefix,
      fromKey: flags['from-key'],
      previous: flags['prev-kv'],
      showSecrets: flags['show-secrets'],
    };
    await this.withEtcd(flags, (kv) => etcdDelete(kv, request, this.io));
  }
}
