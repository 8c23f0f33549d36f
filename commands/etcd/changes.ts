import { EtcdHistoryCommand, etcdChanges, Flags, valueFlags } from '../../src/cli/index.ts';

export default class EtcdChanges extends EtcdHistoryCommand {
  static override summary = 'Show what changed in etcd between two revisions: which keys, how, and by whom.';
  static override examples = [
    '<%= config.bin %> etcd changes --from 300 --to 342',
    '<%= config.bin %> etcd changes --prefix /registry/pods/ -o yaml',
  ];
  static override flags = {
    prefix: Flags.string({ summary: 'only keys that begin so', default: '' }),
    from: Flags.integer({ summary: 'the first revision; by default the last hundred', min: 1 }),
    to: Flags.integer({ summary: 'the last revision; by default the newest', min: 1 }),
    limit: Flags.integer({ summary: 'at most so many changes', default: 1000, min: 1 }),
    ...valueFlags,
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(EtcdChanges);
    const { prefix, from, to, limit, output } = flags;
    const request = { prefix, from, to, limit, output, showSecrets: flags['show-secrets'], raw: flags.raw };
    this.print(await this.withHistory(flags, (source) => etcdChanges(source, request)));
  }
}
