import { ApiCommand, Flags, fileFlags, rolloutStatus } from '../../src/cli/index.ts';

export default class RolloutStatus extends ApiCommand {
  static override summary = 'Follow a rollout until it is done.';
  static override usage = 'rollout status (-f FILE | TYPE NAME) [flags]';
  static override strict = false;
  static override examples = ['<%= config.bin %> rollout status deploy/web --timeout=60s'];
  static override flags = {
    ...fileFlags,
    selector: Flags.string({ char: 'l', summary: 'label selector' }),
    watch: Flags.boolean({ char: 'w', summary: 'wait until it is done', default: true, allowNo: true }),
    timeout: Flags.string({ summary: 'how long to wait; 0 for ever', default: '0s' }),
    revision: Flags.integer({ summary: 'only this revision', default: 0 }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(RolloutStatus);
    await rolloutStatus(words, flags, () => this.session(flags), this.streams);
  }
}
