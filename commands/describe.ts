import { ApiCommand, describeResources, Flags, readObjects } from '../src/cli/index.ts';

export default class Describe extends ApiCommand {
  static override summary =
    'Show details of one or many resources, as kubectl describe does, and why a pod has its STATUS.';
  static override usage = 'describe (TYPE [NAME_PREFIX | -l SELECTOR] | TYPE/NAME… | -f FILE) [flags]';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> describe pod web-5d8',
    '<%= config.bin %> describe deploy/web svc/web',
    '<%= config.bin %> describe pods -l app=web',
    '<%= config.bin %> describe nodes',
  ];

  static override flags = {
    selector: Flags.string({ char: 'l', summary: 'label selector' }),
    'all-namespaces': Flags.boolean({ char: 'A', summary: 'objects of all namespaces' }),
    'show-events': Flags.boolean({ summary: 'show events (default: for a single object)', allowNo: true }),
    'chunk-size': Flags.integer({ summary: 'objects in one answer of the server', default: 500 }),
    filename: Flags.string({
      char: 'f',
      summary: 'file, folder or URL that names the objects',
      multiple: true,
      multipleNonGreedy: true,
    }),
    recursive: Flags.boolean({ char: 'R', summary: 'with -f: folders below folders too' }),
    kustomize: Flags.string({ char: 'k', summary: 'a folder with a kustomization.yaml that names the objects' }),
  };

  async run(): Promise<void> {
    const parsed = await this.parse(Describe);
    const { flags } = parsed;
    const objects = await readObjects(flags, 'read', this.signal);
    await describeResources(
      await this.session(flags),
      {
        words: this.wordsOf(parsed),
        objects,
        labelSelector: flags.selector,
        allNamespaces: flags['all-namespaces'],
        showEvents: flags['show-events'],
        chunkSize: flags['chunk-size'],
      },
      this.output,
    );
  }
}
