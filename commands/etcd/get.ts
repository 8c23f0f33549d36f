import {
  Args,
  EtcdCommand,
  etcdGetAnyRevision,
  etcdOutput,
  etcdSort,
  Flags,
  keyRangeFlags,
} from '../../src/cli/index.ts';

export default class EtcdGet extends EtcdCommand {
  static override summary = 'Show keys and values of etcd, values decoded.';
  static override examples = [
    '<%= config.bin %> etcd get --prefix --keys-only',
    '<%= config.bin %> etcd get /registry/pods/default/web',
    '<%= config.bin %> etcd get /registry/deployments --prefix -o json',
    '<%= config.bin %> etcd get /registry/pods/default/web --rev 120',
    '<%= config.bin %> etcd get /registry/pods --prefix --sort-by MODIFY --order DESCEND --limit 5 --keys-only',
    '<%= config.bin %> etcd get /registry/pods/default/web --raw | hexdump -C',
    '<%= config.bin %> etcd get --prefix --keys-only --endpoints 10.0.0.1:2379 --cacert ca.crt --cert c.crt --key c.key',
  ];
  static override args = {
    key: Args.string({ description: 'the key, or with --prefix its beginning' }),
    end: Args.string({ description: 'all keys from the first up to this one, without it' }),
  };
  static override flags = {
    ...keyRangeFlags,
    'keys-only': Flags.boolean({ summary: 'only the keys' }),
    'count-only': Flags.boolean({ summary: 'only how many there are' }),
    'print-value-only': Flags.boolean({ summary: 'only the values' }),
    'sort-by': Flags.string({
      summary: 'order by CREATE, KEY, MODIFY (revisions), VALUE or VERSION',
      helpValue: 'WHAT',
    }),
    order: Flags.string({ summary: 'ASCEND or DESCEND', helpValue: 'ORDER' }),
    consistency: Flags.string({
      summary: 'l (linearizable) asks the quorum, s (serializable) takes what the member has',
      options: ['l', 's'],
      default: 'l',
    }),
    limit: Flags.integer({ summary: 'at most so many', min: 0 }),
    rev: Flags.integer({ summary: "as of this revision; of one key also when only klab's history has it", min: 0 }),
    'show-secrets': Flags.boolean({ summary: 'show the values of Secrets' }),
    raw: Flags.boolean({ summary: 'the stored bytes as they are, of several keys in base64' }),
    ...etcdOutput,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdGet);
    const request = {
      key: args.key ?? '',
      rangeEnd: args.end,
      prefix: flags.prefix,
      fromKey: flags['from-key'],
      keysOnly: flags['keys-only'],
      countOnly: flags['count-only'],
      valuesOnly: flags['print-value-only'],
      sort: etcdSort(flags['sort-by'], flags.order),
      serializable: flags.consistency === 's',
      limit: flags.limit,
      revision: flags.rev,
      showSecrets: flags['show-secrets'],
      raw: flags.raw,
      output: flags.output,
    };
    await etcdGetAnyRevision(flags, request, this.io);
  }
}
