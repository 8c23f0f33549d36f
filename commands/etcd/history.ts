import { ApiCommand, Args, etcdHistory, Flags } from '../../src/cli/index.ts';

export default class EtcdHistory extends ApiCommand {
  static override summary = 'Show every revision of a key: who wrote it, why, and what changed.';
  static override examples = [
    '<%= config.bin %> etcd history /registry/deployments/default/web',
    '<%= config.bin %> etcd history /registry/pods/default/web --limit 5 -o json',
  ];
  static override args = { key: Args.string({ description: 'the key', required: true }) };
  static override flags = {
    limit: Flags.integer({ summary: 'the newest so many revisions', default: 50, min: 1 }),
    'show-secrets': Flags.boolean({ summary: 'show the values of Secrets' }),
    'show-managed-fields': Flags.boolean({ summary: 'managedFields are part of the difference' }),
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdHistory);
    this.print(
      await etcdHistory(await this.session(flags), {
        key: args.key,
        limit: flags.limit,
        showSecrets: flags['show-secrets'],
        showManagedFields: flags['show-managed-fields'],
        output: flags.output,
      }),
    );
  }
}
