import {
  ApiCommand,
  editObjects,
  Flags,
  fieldManagerFlag,
  fileFlags,
  printFlags,
  validateFlag,
} from '../src/cli/index.ts';

export default class Edit extends ApiCommand {
  static override summary = 'Change live objects in your editor.';
  static override description =
    'Opens KUBE_EDITOR, else EDITOR, else vi (notepad on Windows). What the server refuses is opened again with the ' +
    'reasons as a comment; when you give up, your text is kept and its file named.';
  static override usage = 'edit (TYPE/NAME | -f FILE) [flags]';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> edit deploy/web',
    'KUBE_EDITOR="code --wait" <%= config.bin %> edit svc/web -o json',
    '<%= config.bin %> edit deploy web --subresource=status',
  ];
  static override flags = {
    ...printFlags,
    ...fileFlags,
    ...validateFlag,
    ...fieldManagerFlag('kubectl-edit'),
    'output-patch': Flags.boolean({ summary: 'print the patch that is sent' }),
    'save-config': Flags.boolean({ summary: 'keep the configuration for client-side apply' }),
    subresource: Flags.string({ summary: 'edit this subresource, as status' }),
    'windows-line-endings': Flags.boolean({ summary: 'lines end with CRLF; the default on Windows', allowNo: true }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(Edit);
    if (!(await editObjects(words, flags, () => this.session(flags), this.streams))) process.exitCode = 1;
  }
}
