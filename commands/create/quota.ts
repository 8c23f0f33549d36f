import { CreateCommand, createFlags, exactlyOneName, Flags, quota } from '../../src/cli/index.ts';

export default class CreateQuota extends CreateCommand {
  static override summary = 'Create a resource quota.';
  static override usage = 'create quota NAME [flags]';
  static override strict = false;
  static override aliases = ['create:resourcequota'];
  static override examples = [`<%= config.bin %> create quota small --hard=cpu=1,pods=4`];
  static override flags = {
    ...createFlags,
    hard: Flags.string({ summary: 'limits: RESOURCE=VALUE,…' }),
    scopes: Flags.string({ summary: 'scopes that the quota counts, with commas' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(CreateQuota);
    const name = exactlyOneName('create quota', words);
    await this.create(flags, () => quota(name, flags));
  }
}
