import { Args, EtcdHistoryCommand, etcdHistory, Flags, valueFlags } from '../../src/cli/index.ts';

export default class EtcdHistory extends EtcdHistoryCommand {
  static override summary = 'Show every revision of a key: who wrote it, why, and what changed.';
  static override examples = [
    '<%= config.bin %> etcd history /registry/deployments/default/web',
    '<%= config.bin %> etcd history /registry/pods/default/web --limit 5 -o json',
    '<%= config.bin %> etcd history /registry/configmaps/default/a --endpoints 10.0.0.1:2379 --cacert ca.crt --cert c.crt --key c.key',
  ];
  static override args = { key: Args.string({ description: 'the key', required: true }) };
  static override flags = {
    limit: Flags.integer({ summary: 'the newest so many revisions', default: 50, min: 1 }),
    ...valueFlags,
    'show-managed-fields': Flags.boolean({ summary: 'managedFields are part of the difference' }),
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdHistory);
    this.print(
      await this.withHistory(flags, (source) =>
        etcdHistory(source, {
          key: args.key,
          limit: flags.limit,
          showSecrets: flags['show-secrets'],
          raw: flags.raw,
          showManagedFields: flags['show-managed-fields'],
          output: flags.output,
        }),
      ),
    );
  }
}
