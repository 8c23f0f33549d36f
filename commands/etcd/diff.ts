import { ApiCommand, Args, etcdDiff, Flags } from '../../src/cli/index.ts';

export default class EtcdDiff extends ApiCommand {
  static override summary = 'Show what differs in a key of etcd between two revisions of the store.';
  static override examples = ['<%= config.bin %> etcd diff /registry/deployments/default/web --from 310 --to 342'];
  static override args = { key: Args.string({ description: 'the key', required: true }) };
  static override flags = {
    from: Flags.integer({ summary: 'the older revision', required: true, min: 1 }),
    to: Flags.integer({ summary: 'the newer revision', required: true, min: 1 }),
    'show-secrets': Flags.boolean({ summary: 'show the values of Secrets' }),
    'show-managed-fields': Flags.boolean({ summary: 'managedFields are part of the difference' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdDiff);
    const text = await etcdDiff(await this.session(flags), {
      key: args.key,
      from: flags.from,
      to: flags.to,
      showSecrets: flags['show-secrets'],
      showManagedFields: flags['show-managed-fields'],
    });
    if (text !== '') this.print(text);
  }
}
