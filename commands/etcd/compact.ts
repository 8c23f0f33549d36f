import { Args, EtcdCommand, etcdCompact, Flags } from '../../src/cli/index.ts';

export default class EtcdCompact extends EtcdCommand {
  static override summary = 'Compact etcd: revisions below the given one cannot be read or watched any more.';
  static override description =
    'This is what etcd promises to its clients. The history of klab (klab etcd history, changes, diff) goes on beyond it, ' +
    'until its own bounds: klab up --history-size, --history-age.';
  static override examples = ['<%= config.bin %> etcd compact 1200', '<%= config.bin %> etcd compact 1200 --physical'];
  static override args = { revision: Args.integer({ description: 'the oldest revision that stays', required: true }) };
  static override flags = {
    physical: Flags.boolean({ summary: 'return when it is done on disk too' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EtcdCompact);
    await this.withEtcd(flags, (kv) => etcdCompact(kv, { ...args, physical: flags.physical }, this.io));
  }
}
