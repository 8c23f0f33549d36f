import { ApiCommand, Flags, readObjects, waitFor } from '../src/cli/index.ts';

export default class Wait extends ApiCommand {
  static override summary = 'Wait until a condition holds for one or many objects, as kubectl wait does.';
  static override description = 'Exit code 3 when it does not hold in time.';
  static override usage = 'wait (TYPE/NAME… | TYPE (-l SELECTOR | --all) | -f FILE) --for CONDITION [--timeout 30s]';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> wait deploy/web --for condition=Available --timeout 2m',
    '<%= config.bin %> wait pod -l app=web --for condition=Ready',
    '<%= config.bin %> wait pod/web-5d8 --for delete',
    "<%= config.bin %> wait pod/web-5d8 --for jsonpath='{.status.phase}'=Running",
  ];

  static override flags = {
    for: Flags.string({
      summary: 'create, delete, condition=NAME[=VALUE] or jsonpath=PATH[=VALUE]; given twice, both',
      multiple: true,
      multipleNonGreedy: true,
    }),
    timeout: Flags.string({ summary: 'zero checks once, negative waits for a week', default: '30s' }),
    selector: Flags.string({ char: 'l', summary: 'label selector' }),
    'field-selector': Flags.string({ summary: 'field selector' }),
    all: Flags.boolean({ summary: 'all objects of the types' }),
    'all-namespaces': Flags.boolean({ char: 'A', summary: 'objects of all namespaces' }),
    output: Flags.string({ char: 'o', summary: 'output format: json, yaml, name, jsonpath=…' }),
    filename: Flags.string({
      char: 'f',
      summary: 'file, folder or URL that names the objects',
      multiple: true,
      multipleNonGreedy: true,
    }),
    recursive: Flags.boolean({ char: 'R', summary: 'with -f: folders below folders too' }),
  };

  async run(): Promise<void> {
    const parsed = await this.parse(Wait);
    const { flags } = parsed;
    const objects = await readObjects(flags, 'read', this.signal);
    await waitFor(
      await this.session(flags),
      {
        words: this.wordsOf(parsed),
        objects,
        for: flags.for ?? [],
        timeout: flags.timeout,
        labelSelector: flags.selector,
        fieldSelector: flags['field-selector'],
        all: flags.all,
        allNamespaces: flags['all-namespaces'],
        output: flags.output,
      },
      this.output,
    );
  }
}
