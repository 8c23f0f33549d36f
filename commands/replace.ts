import {
  ApiCommand,
  dryRunFlag,
  Flags,
  fieldManagerFlag,
  fileFlags,
  printFlags,
  replaceObjects,
  validateFlag,
} from '../src/cli/index.ts';

export default class Replace extends ApiCommand {
  static override summary = 'Replace objects by what files say.';
  static override usage = 'replace -f FILE [flags]';
  static override strict = false;
  static override examples = ['<%= config.bin %> replace -f web.yaml', '<%= config.bin %> replace --force -f pod.yaml'];
  static override flags = {
    ...printFlags,
    ...dryRunFlag,
    ...fieldManagerFlag('kubectl-replace'),
    ...fileFlags,
    ...validateFlag,
    force: Flags.boolean({ summary: 'delete and create again' }),
    'grace-period': Flags.integer({ summary: 'with --force: seconds to end gracefully', default: -1 }),
    cascade: Flags.string({ summary: 'with --force: background, orphan or foreground', default: 'background' }),
    timeout: Flags.string({ summary: 'with --force: how long deletion may take' }),
    wait: Flags.boolean({ summary: 'with --force: it always waits until the objects are gone', allowNo: true }),
    raw: Flags.string({ summary: 'send the file as it is to this path' }),
    subresource: Flags.string({ summary: 'replace this subresource, as status' }),
    'save-config': Flags.boolean({ summary: 'keep the configuration for client-side apply' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parseWords(Replace);
    await replaceObjects(flags, () => this.session(flags), this.streams);
  }
}
