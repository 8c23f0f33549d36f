import { Args, EtcdCommand, type EtcdOutput, etcdGet, Flags } from '../../src/cli/index.ts';

export default class EtcdGet extends EtcdCommand {
  static override summary = 'Show keys and values of etcd, values decoded.';
  static override examples = [
    '<%= config.bin %> etcd get --prefix --keys-only',
    '<%= config.bin %> etcd get /registry/pods/default/web',
    '<%= config.bin %> etcd get /registry/deployments --prefix -o json',
    '<%= config.bin %> etcd get /registry/pods/default/web --rev 120',
    '<%= config.bin %> etcd get /registry/pods/default/web --raw | hexdump -C',
    '<%= config.bin %> etcd get --prefix --keys-only --endpoints 10.0.0.1:2379 --cacert ca.crt --cert c.crt --key c.key',
  ];
  static override args = { key: Args.string({ description: 'the key, or with --prefix its beginning' }) };
  static override flags = {
    prefix: Flags.boolean({ summary: 'all keys that begin so' }),
    'keys-only': Flags.boolean({ summary: 'only the keys' }),
    'count-only': Flags.boolean({ summary: 'only how many there are' }),
    limit: Flags.integer({ summary: 'at most so many', min: 0 }),
    rev: Flags.integer({ summary: 'as of this revision', min: 0 }),
    'show-secrets': Flags.boolean({ summary: 'show the values of Secrets' }),
    raw: Flags.boolean({ summary: 'the stored bytes as they are, with --prefix in base64' }),
    output: Flags.string({
      char: 'o',
      summary: 'output format',
      options: ['simple', 'json', 'yaml'],
      default: 'simple',
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdGet);
    const request = {
      key: args.key ?? '',
      prefix: flags.prefix,
      keysOnly: flags['keys-only'],
      countOnly: flags['count-only'],
      limit: flags.limit,
      revision: flags.rev,
      showSecrets: flags['show-secrets'],
      raw: flags.raw,
      output: flags.output as EtcdOutput,
    };
    await this.withEtcd(flags, (kv) => etcdGet(kv, request, this.io));
  }
}
