import { Args, EtcdCommand, etcdPut, Flags, readInput } from '../../src/cli/index.ts';

export default class EtcdPut extends EtcdCommand {
  static override summary = 'Write a key of etcd. Below /registry this goes past the API server and all it checks.';
  static override examples = [
    '<%= config.bin %> etcd put /lab/greeting hello',
    '<%= config.bin %> etcd put /lab/file < file',
    '<%= config.bin %> etcd put /lab/greeting hallo --prev-kv',
    '<%= config.bin %> etcd put /lab/greeting --ignore-value --lease 694d77aa9e38260f',
  ];
  static override args = {
    key: Args.string({ description: 'the key', required: true }),
    value: Args.string({ description: 'the value; without it standard input has it' }),
  };
  static override flags = {
    lease: Flags.string({ summary: 'ID of the lease to hang it on, in hex' }),
    'prev-kv': Flags.boolean({ summary: 'print the pair as it was' }),
    'ignore-value': Flags.boolean({ summary: 'keep its value: for a new lease' }),
    'ignore-lease': Flags.boolean({ summary: 'keep its lease' }),
    'show-secrets': Flags.boolean({ summary: 'show the values of Secrets' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdPut);
    const request = {
      ...args,
      lease: flags.lease,
      previous: flags['prev-kv'],
      ignoreValue: flags['ignore-value'],
      ignoreLease: flags['ignore-lease'],
      showSecrets: flags['show-secrets'],
    };
    await this.withEtcd(flags, (kv) =>
      etcdPut(kv, request, () => readInput('put needs a value: an argument, or standard input'), this.io),
    );
  }
}
