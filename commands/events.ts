import { ApiCommand, Flags, printEvents } from '../src/cli/index.ts';

export default class Events extends ApiCommand {
  static override summary = 'List events, oldest first, as kubectl events does.';
  static override examples = [
    '<%= config.bin %> events',
    '<%= config.bin %> events --for pod/web-5d8 --watch',
    '<%= config.bin %> events -A --types Warning',
  ];

  static override flags = {
    'all-namespaces': Flags.boolean({ char: 'A', summary: 'events of all namespaces' }),
    for: Flags.string({ summary: 'only events about this object, TYPE/NAME' }),
    types: Flags.string({
      summary: 'only events of these types: Normal, Warning',
      multiple: true,
      multipleNonGreedy: true,
      delimiter: ',',
    }),
    watch: Flags.boolean({ char: 'w', summary: 'go on with new events' }),
    'no-headers': Flags.boolean({ summary: 'no header line' }),
    output: Flags.string({ char: 'o', summary: 'output format: json, yaml, name, jsonpath=…' }),
    'chunk-size': Flags.integer({ summary: 'events in one answer of the server', default: 500 }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Events);
    await printEvents(
      await this.session(flags),
      {
        for: flags.for,
        types: flags.types,
        allNamespaces: flags['all-namespaces'],
        watch: flags.watch,
        noHeaders: flags['no-headers'],
        output: flags.output,
        chunkSize: flags['chunk-size'],
      },
      this.output,
    );
  }
}
