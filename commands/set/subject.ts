import {
  ApiCommand,
  dryRunFlag,
  Flags,
  fieldManagerFlag,
  fileFlags,
  printFlags,
  selectFlags,
  setSubject,
} from '../../src/cli/index.ts';

export default class SetSubject extends ApiCommand {
  static override summary = 'Add users, groups or service accounts to a binding.';
  static override usage = 'set subject (-f FILE | TYPE NAME) [--user=…] [--group=…] [--serviceaccount=…]';
  static override strict = false;
  static override examples = ['<%= config.bin %> set subject rolebinding team --user=ann'];
  static override flags = {
    ...printFlags,
    ...dryRunFlag,
    ...fieldManagerFlag('kubectl-set'),
    ...fileFlags,
    ...selectFlags,
    local: Flags.boolean({ summary: 'change what -f says, without a server' }),
    user: Flags.string({ summary: 'users (may be repeated)', multiple: true, multipleNonGreedy: true }),
    group: Flags.string({ summary: 'groups (may be repeated)', multiple: true, multipleNonGreedy: true }),
    serviceaccount: Flags.string({
      summary: 'service accounts NAMESPACE:NAME (may be repeated)',
      multiple: true,
      multipleNonGreedy: true,
    }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(SetSubject);
    await setSubject(words, flags, () => this.session(flags), this.streams);
  }
}
