import { ApiCommand, Flags, topNodes } from '../../src/cli/index.ts';

export default class TopNodes extends ApiCommand {
  static override summary = 'Show what nodes use of their CPU and memory.';
  static override usage = 'top nodes [NAME | -l LABEL]';
  static override aliases = ['top:node', 'top:no'];
  static override strict = false;
  static override examples = ['<%= config.bin %> top nodes --sort-by=cpu'];
  static override flags = {
    selector: Flags.string({ char: 'l', summary: 'label selector' }),
    'sort-by': Flags.string({ summary: 'cpu or memory, the greatest first' }),
    'no-headers': Flags.boolean({ summary: 'no line of headers' }),
    'show-capacity': Flags.boolean({ summary: 'of the capacity, not of what is allocatable' }),
    'show-swap': Flags.boolean({ summary: 'swap too' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(TopNodes);
    await topNodes(words, flags, () => this.session(flags), this.streams);
  }
}
