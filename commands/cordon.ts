import { ApiCommand, cordonNodes, dryRunFlag, Flags } from '../src/cli/index.ts';

export default class Cordon extends ApiCommand {
  static override summary = 'Keep new pods off a node.';
  static override usage = 'cordon NODE… [flags]';
  static override strict = false;
  static override examples = ['<%= config.bin %> cordon node-1'];
  static override flags = {
    ...dryRunFlag,
    selector: Flags.string({ char: 'l', summary: 'label selector' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(Cordon);
    await cordonNodes('cordon', words, flags, () => this.session(flags), this.streams);
  }
}
