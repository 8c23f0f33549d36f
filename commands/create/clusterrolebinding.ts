import {
  CreateCommand,
  clusterRoleBinding,
  createFlags,
  exactlyOneName,
  Flags,
  requireFlags,
} from '../../src/cli/index.ts';

export default class CreateClusterRoleBinding extends CreateCommand {
  static override summary = 'Bind a cluster role everywhere.';
  static override usage = 'create clusterrolebinding NAME [flags]';
  static override strict = false;
  static override examples = [`<%= config.bin %> create clusterrolebinding ann --clusterrole=view --user=ann`];
  static override flags = {
    ...createFlags,
    clusterrole: Flags.string({ summary: 'the cluster role' }),
    user: Flags.string({ summary: 'users (may be repeated)', multiple: true, multipleNonGreedy: true }),
    group: Flags.string({ summary: 'groups (may be repeated)', multiple: true, multipleNonGreedy: true }),
    serviceaccount: Flags.string({
      summary: 'service accounts NAMESPACE:NAME (may be repeated)',
      multiple: true,
      multipleNonGreedy: true,
    }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(CreateClusterRoleBinding);
    requireFlags(flags, 'clusterrole');
    const name = exactlyOneName('create clusterrolebinding', words);
    await this.create(flags, () => clusterRoleBinding(name, flags), { namespaced: false });
  }
}
