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

export default class Label extends ApiCommand {
  static override summary = 'Set or remove labels of objects.';
  static override usage = 'label (-f FILE | TYPE NAME) KEY=VALUE… KEY-… [flags]';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> label pods web tier=front',
    '<%= config.bin %> label pods --all tier-',
  ];
  static override flags = {
    ...printFlags,
    ...dryRunFlag,
    ...fieldManagerFlag('kubectl-label'),
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
    const { flags, words } = await this.parseWords(Label);
    await changeLabels('label', words, flags, () => this.session(flags), this.streams);
  }
}
