import { ApiCommand, cordonNodes, dryRunFlag, Flags } from '../src/cli/index.ts';

export default class Uncordon extends ApiCommand {
  static override summary = 'Let new pods onto a node again.';
  static override usage = 'uncordon NODE… [flags]';
  static override strict = false;
  static override examples = ['<%= config.bin %> uncordon node-1'];
  static override flags = {
    ...dryRunFlag,
    selector: Flags.string({ char: 'l', summary: 'label selector' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(Uncordon);
    await cordonNodes('uncordon', words, flags, () => this.session(flags), this.streams);
  }
}
