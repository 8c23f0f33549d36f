import { ApiCommand, Flags, fileFlags, printFlags, rolloutHistory } from '../../src/cli/index.ts';

export default class RolloutHistory extends ApiCommand {
  static override summary = 'Show the revisions of a workload.';
  static override usage = 'rollout history (-f FILE | TYPE NAME) [flags]';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> rollout history deploy/web',
    '<%= config.bin %> rollout history deploy/web --revision=2',
  ];
  static override flags = {
    ...printFlags,
    ...fileFlags,
    selector: Flags.string({ char: 'l', summary: 'label selector' }),
    revision: Flags.integer({ summary: 'the pod template of this revision', default: 0 }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(RolloutHistory);
    await rolloutHistory(words, flags, () => this.session(flags), this.streams);
  }
}
