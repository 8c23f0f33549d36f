import {
  ApiCommand,
  editLastApplied,
  Flags,
  fieldManagerFlag,
  fileFlags,
  printFlags,
  validateFlag,
} from '../../src/cli/index.ts';

export default class ApplyEditLastApplied extends ApiCommand {
  static override summary = 'Change what client-side apply remembers of objects, in your editor.';
  static override usage = 'apply edit-last-applied (TYPE/NAME | -f FILE) [flags]';
  static override strict = false;
  static override examples = ['<%= config.bin %> apply edit-last-applied deploy/web'];
  static override flags = {
    ...printFlags,
    ...fileFlags,
    ...validateFlag,
    ...fieldManagerFlag('kubectl-client-side-apply'),
    'windows-line-endings': Flags.boolean({ summary: 'lines end with CRLF; the default on Windows', allowNo: true }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(ApplyEditLastApplied);
    if (!(await editLastApplied(words, flags, () => this.session(flags), this.streams))) process.exitCode = 1;
  }
}
