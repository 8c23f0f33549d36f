import { ApiCommand, dryRunFlag, Flags, fileFlags, printFlags, undoRollout } from '../../src/cli/index.ts';

export default class RolloutUndo extends ApiCommand {
  static override summary = 'Go back to an earlier revision of a workload.';
  static override usage = 'rollout undo (-f FILE | TYPE NAME) [flags]';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> rollout undo deploy/web',
    '<%= config.bin %> rollout undo ds/agent --to-revision=3',
  ];
  static override flags = {
    ...printFlags,
    ...dryRunFlag,
    ...fileFlags,
    selector: Flags.string({ char: 'l', summary: 'label selector' }),
    'to-revision': Flags.integer({ summary: 'which one; 0 is the last before', default: 0 }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(RolloutUndo);
    await undoRollout(words, flags, () => this.session(flags), this.streams);
  }
}
