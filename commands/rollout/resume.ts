import { ApiCommand, changeRollout, Flags, fieldManagerFlag, fileFlags, printFlags } from '../../src/cli/index.ts';

export default class RolloutResume extends ApiCommand {
  static override summary = 'Let a paused deployment roll out changes.';
  static override usage = 'rollout resume (-f FILE | TYPE NAME)';
  static override strict = false;
  static override examples = ['<%= config.bin %> rollout resume deploy/web'];
  static override flags = {
    ...printFlags,
    ...fileFlags,
    ...fieldManagerFlag('kubectl-rollout'),
    selector: Flags.string({ char: 'l', summary: 'label selector' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(RolloutResume);
    await changeRollout('resume', words, flags, () => this.session(flags), this.streams);
  }
}
