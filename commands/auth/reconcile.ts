import { ApiCommand, dryRunFlag, Flags, fileFlags, printFlags, reconcileRbac } from '../../src/cli/index.ts';

export default class AuthReconcile extends ApiCommand {
  static override summary = 'Make roles and bindings grant at least what files say.';
  static override description =
    'Missing objects, and missing namespaces, are made; missing rules and subjects are added. What is beyond the files ' +
    'stays unless its removal is asked for. Objects of other kinds are passed over.';
  static override usage = 'auth reconcile -f FILE [flags]';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> auth reconcile -f rbac.yaml',
    '<%= config.bin %> auth reconcile -f rbac.yaml --remove-extra-permissions --remove-extra-subjects',
  ];
  static override flags = {
    ...printFlags,
    ...dryRunFlag,
    ...fileFlags,
    'remove-extra-permissions': Flags.boolean({ summary: 'remove rules that the files do not have' }),
    'remove-extra-subjects': Flags.boolean({ summary: 'remove subjects that the files do not have' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(AuthReconcile);
    await reconcileRbac(words, flags, () => this.session(flags), this.streams);
  }
}
