import {
  ApiCommand,
  changeLabels,
  dryRunFlag,
  Flags,
  fieldManagerFlag,
  fileFlags,
  printFlags,
  selectFlags,
} from '../src/cli/index.ts';

export default class Annotate extends ApiCommand {
  static override summary = 'Set or remove annotations of objects.';
  static override usage = 'annotate (-f FILE | TYPE NAME) KEY=VALUE… KEY-… [flags]';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> annotate pods web tier=front',
    '<%= config.bin %> annotate pods --all tier-',
  ];
  static override flags = {
    ...printFlags,
    ...dryRunFlag,
    ...fieldManagerFlag('kubectl-annotate'),
    ...fileFlags,
    ...selectFlags,
    'all-namespaces': Flags.boolean({ char: 'A', summary: 'in all namespaces' }),
    'field-selector': Flags.string({ summary: 'field selector' }),
    list: Flags.boolean({ summary: 'show what is there' }),
    local: Flags.boolean({ summary: 'change what -f says, without a server' }),
    overwrite: Flags.boolean({ summary: 'replace other values' }),
    'resource-version': Flags.string({ summary: 'only if the object is at this version' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(Annotate);
    await changeLabels('annotation', words, flags, () => this.session(flags), this.streams);
  }
}
