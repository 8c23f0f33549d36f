import { CreateCommand, createFlags, exactlyOneName, Flags, roleBinding } from '../../src/cli/index.ts';

export default class CreateRoleBinding extends CreateCommand {
  static override summary = 'Bind a role or a cluster role in a namespace.';
  static override usage = 'create rolebinding NAME [flags]';
  static override strict = false;
  static override examples = [`<%= config.bin %> create rolebinding ann --role=reader --user=ann`];
  static override flags = {
    ...createFlags,
    role: Flags.string({ summary: 'the role' }),
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
    const { flags, words } = await this.parseWords(CreateRoleBinding);
    const name = exactlyOneName('create rolebinding', words);
    await this.create(flags, () => roleBinding(name, flags));
  }
}
