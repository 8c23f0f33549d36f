import {
  ApiCommand,
  dryRunFlag,
  Flags,
  fieldManagerFlag,
  fileFlags,
  printFlags,
  selectFlags,
  setServiceAccount,
} from '../../src/cli/index.ts';

export default class SetServiceAccount extends ApiCommand {
  static override summary = 'Set the service account of pods.';
  static override usage = 'set serviceaccount (-f FILE | TYPE NAME) ACCOUNT';
  static override strict = false;
  static override aliases = ['set:sa'];
  static override examples = ['<%= config.bin %> set serviceaccount deploy web robot'];
  static override flags = {
    ...printFlags,
    ...dryRunFlag,
    ...fieldManagerFlag('kubectl-set'),
    ...fileFlags,
    ...selectFlags,
    local: Flags.boolean({ summary: 'change what -f says, without a server' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(SetServiceAccount);
    await setServiceAccount(words, flags, () => this.session(flags), this.streams);
  }
}
