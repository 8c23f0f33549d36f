import { Args, EtcdHistoryCommand, etcdDiff, Flags, valueFlags } from '../../src/cli/index.ts';

export default class EtcdDiff extends EtcdHistoryCommand {
  static override summary = 'Show what differs in a key of etcd between two revisions of the store.';
  static override examples = ['<%= config.bin %> etcd diff /registry/deployments/default/web --from 310 --to 342'];
  static override args = { key: Args.string({ description: 'the key', required: true }) };
  static override flags = {
    from: Flags.integer({ summary: 'the older revision', required: true, min: 1 }),
    to: Flags.integer({ summary: 'the newer revision', required: true, min: 1 }),
    ...valueFlags,
    'show-managed-fields': Flags.boolean({ summary: 'managedFields are part of the difference' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdDiff);
    const request = {
      key: args.key,
      from: flags.from,
      to: flags.to,
      showSecrets: flags['show-secrets'],
      raw: flags.raw,
      showManagedFields: flags['show-managed-fields'],
    };
    const text = await this.withHistory(flags, (source) => etcdDiff(source, request));
    if (text !== '') this.print(text);
  }
}
