import { ApiCommand, Flags, topPods } from '../../src/cli/index.ts';

export default class TopPods extends ApiCommand {
  static override summary = 'Show how much CPU and memory pods use.';
  static override usage = 'top pods [NAME | -l LABEL]';
  static override aliases = ['top:pod', 'top:po'];
  static override strict = false;
  static override examples = [
    '<%= config.bin %> top pods -A --sort-by=memory',
    '<%= config.bin %> top pod web --containers',
  ];
  static override flags = {
    'all-namespaces': Flags.boolean({ char: 'A', summary: 'in all namespaces' }),
    selector: Flags.string({ char: 'l', summary: 'label selector' }),
    'field-selector': Flags.string({ summary: 'field selector' }),
    'sort-by': Flags.string({ summary: 'cpu or memory, the greatest first' }),
    containers: Flags.boolean({ summary: 'each container by itself' }),
    sum: Flags.boolean({ summary: 'the sum of all, at the end' }),
    'no-headers': Flags.boolean({ summary: 'no line of headers' }),
    'show-swap': Flags.boolean({ summary: 'swap too' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(TopPods);
    await topPods(words, flags, () => this.session(flags), this.streams);
  }
}
