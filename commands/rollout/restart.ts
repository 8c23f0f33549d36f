import { ApiCommand, changeRollout, Flags, fieldManagerFlag, fileFlags, printFlags } from '../../src/cli/index.ts';

export default class RolloutRestart extends ApiCommand {
  static override summary = 'Restart the pods of a workload.';
  static override usage = 'rollout restart (-f FILE | TYPE NAME)';
  static override strict = false;
  static override examples = ['<%= config.bin %> rollout restart deploy/web'];
  static override flags = {
    ...printFlags,
    ...fileFlags,
    ...fieldManagerFlag('kubectl-rollout'),
    selector: Flags.string({ char: 'l', summary: 'label selector' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(RolloutRestart);
    await changeRollout('restart', words, flags, () => this.session(flags), this.streams);
  }
}
