import { ApiCommand, changeRollout, Flags, fieldManagerFlag, fileFlags, printFlags } from '../../src/cli/index.ts';

export default class RolloutPause extends ApiCommand {
  static override summary = 'Stop a deployment from rolling out changes.';
  static override usage = 'rollout pause (-f FILE | TYPE NAME)';
  static override strict = false;
  static override examples = ['<%= config.bin %> rollout pause deploy/web'];
  static override flags = {
    ...printFlags,
    ...fileFlags,
    ...fieldManagerFlag('kubectl-rollout'),
    selector: Flags.string({ char: 'l', summary: 'label selector' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(RolloutPause);
    await changeRollout('pause', words, flags, () => this.session(flags), this.streams);
  }
}
