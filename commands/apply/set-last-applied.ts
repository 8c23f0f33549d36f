import { ApiCommand, dryRunFlag, Flags, fileFlags, printFlags, setLastApplied } from '../../src/cli/index.ts';

const { filename } = fileFlags;

export default class ApplySetLastApplied extends ApiCommand {
  static override summary = 'Let client-side apply remember what a file says, without changing anything else.';
  static override usage = 'apply set-last-applied -f FILE [flags]';
  static override examples = ['<%= config.bin %> apply set-last-applied -f web.yaml --create-annotation'];
  static override flags = {
    ...printFlags,
    ...dryRunFlag,
    filename,
    'create-annotation': Flags.boolean({ summary: 'also for objects that apply has never seen' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(ApplySetLastApplied);
    await setLastApplied(flags, () => this.session(flags), this.streams);
  }
}
