import { ApiCommand, Flags, fileFlags, selectFlags, viewLastApplied } from '../../src/cli/index.ts';

export default class ApplyViewLastApplied extends ApiCommand {
  static override summary = 'Show what client-side apply remembers of objects.';
  static override usage = 'apply view-last-applied (TYPE [NAME | -l LABEL] | TYPE/NAME | -f FILE) [flags]';
  static override strict = false;
  static override examples = ['<%= config.bin %> apply view-last-applied deploy/web -o json'];
  static override flags = {
    ...fileFlags,
    ...selectFlags,
    output: Flags.string({ char: 'o', summary: 'output format: yaml, json', default: 'yaml' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(ApplyViewLastApplied);
    await viewLastApplied(words, flags, () => this.session(flags), this.streams);
  }
}
