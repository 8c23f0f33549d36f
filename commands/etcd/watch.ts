import { Args, EtcdCommand, etcdOutput, etcdWatch, Flags, keyRangeFlags } from '../../src/cli/index.ts';

export default class EtcdWatch extends EtcdCommand {
  static override summary =
    'Show every change of etcd as it happens: a line with revision, PUT or DELETE and key, or with -o json an object.';
  static override examples = [
    '<%= config.bin %> etcd watch /registry --prefix',
    '<%= config.bin %> etcd watch /registry/pods --prefix --rev 1 -o json',
  ];
  static override args = {
    key: Args.string({ description: 'the key, or with --prefix its beginning' }),
    end: Args.string({ description: 'all keys from the first up to this one, without it' }),
  };
  static override flags = {
    ...keyRangeFlags,
    rev: Flags.integer({ summary: 'begin with this revision', min: 1 }),
    'prev-kv': Flags.boolean({ summary: 'with json and yaml: the value before, too' }),
    'show-secrets': Flags.boolean({ summary: 'show the values of Secrets' }),
    ...etcdOutput,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdWatch);
    const request = {
      key: args.key ?? '',
      rangeEnd: args.end,
      prefix: flags.prefix,
      fromKey: flags['from-key'],
      revision: flags.rev,
      previous: flags['prev-kv'],
      showSecrets: flags['show-secrets'],
      output: flags.output,
    };
    await this.withEtcd(flags, (kv) => etcdWatch(kv, request, this.io));
  }
}
