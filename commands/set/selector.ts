import {
  ApiCommand,
  dryRunFlag,
  Flags,
  fieldManagerFlag,
  fileFlags,
  printFlags,
  selectFlags,
  setSelector,
} from '../../src/cli/index.ts';

export default class SetSelector extends ApiCommand {
  static override summary = 'Set the selector of a service.';
  static override usage = 'set selector (-f FILE | TYPE NAME) KEY=VALUE,…';
  static override strict = false;
  static override examples = ['<%= config.bin %> set selector svc web app=web'];
  static override flags = {
    ...printFlags,
    ...dryRunFlag,
    ...fieldManagerFlag('kubectl-set'),
    ...fileFlags,
    ...selectFlags,
    local: Flags.boolean({ summary: 'change what -f says, without a server' }),
    'resource-version': Flags.string({ summary: 'only if the object is at this version' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(SetSelector);
    await setSelector(words, flags, () => this.session(flags), this.streams);
  }
}
