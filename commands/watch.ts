import { ApiCommand, Flags, printWatch, watchSubject } from '../src/cli/index.ts';

export default class Watch extends ApiCommand {
  static override summary =
    'Watch resources live: a table that updates in place, or one line for each event in a pipe.';
  static override usage = 'watch TYPE [NAME] [flags]';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> watch pods',
    '<%= config.bin %> watch deploy -A',
    '<%= config.bin %> watch pods -l app=web -o json | jq -r .type',
  ];

  static override flags = {
    output: Flags.string({
      char: 'o',
      summary: 'output format: wide, json (one event a line)',
      options: ['wide', 'json'],
    }),
    'all-namespaces': Flags.boolean({ char: 'A', summary: 'objects of all namespaces' }),
    selector: Flags.string({ char: 'l', summary: 'label selector' }),
    'field-selector': Flags.string({ summary: 'field selector' }),
    'show-labels': Flags.boolean({ summary: 'show all labels as the last column' }),
    live: Flags.boolean({
      summary: 'the live table (default: when stdout and stdin are a terminal)',
      allowNo: true,
    }),
  };

  async run(): Promise<void> {
    const parsed = await this.parse(Watch);
    const { flags } = parsed;
    const session = await this.session(flags);
    const subject = await watchSubject(session, {
      words: this.wordsOf(parsed),
      allNamespaces: flags['all-namespaces'],
      labelSelector: flags.selector,
      fieldSelector: flags['field-selector'],
    });
    const live = flags.live ?? (process.stdout.isTTY === true && process.stdin.isTTY === true);
    const { signal } = this;
    if (live && flags.output !== 'json') {
      const { showWatch } = await import('../src/tui/index.ts');
      const table = {
        wide: flags.output === 'wide',
        withNamespace: flags['all-namespaces'],
        showLabels: flags['show-labels'],
      };
      await showWatch(session, subject, { table, signal });
      return;
    }
    const options = {
      output: flags.output,
      allNamespaces: flags['all-namespaces'],
      showLabels: flags['show-labels'],
    };
    await printWatch(session, subject, options, this.output, signal);
    signal.throwIfAborted();
  }
}
