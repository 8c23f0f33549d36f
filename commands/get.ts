import { ApiCommand, Flags, getResources, readObjects } from '../src/cli/index.ts';

export default class Get extends ApiCommand {
  static override summary = 'Display one or many resources, as kubectl get does.';
  static override usage = 'get (TYPE[.VERSION][.GROUP] [NAME… | -l SELECTOR] | TYPE[.VERSION][.GROUP]/NAME…) [flags]';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> get pods',
    '<%= config.bin %> get po,svc -A',
    '<%= config.bin %> get deploy/web svc/api -o wide',
    '<%= config.bin %> get pods -l app=web --sort-by .metadata.creationTimestamp',
    "<%= config.bin %> get po nginx -o jsonpath='{.status.podIP}'",
    '<%= config.bin %> get pods -o custom-columns=NAME:.metadata.name,NODE:.spec.nodeName',
    '<%= config.bin %> get events -w',
  ];

  static override flags = {
    output: Flags.string({
      char: 'o',
      summary:
        'output format: json, yaml, name, wide, jsonpath=…, jsonpath-as-json=…, jsonpath-file=…, custom-columns=…, custom-columns-file=…',
    }),
    'all-namespaces': Flags.boolean({ char: 'A', summary: 'list objects of all namespaces' }),
    selector: Flags.string({ char: 'l', summary: 'label selector: =, ==, !=, in, notin, exists' }),
    'field-selector': Flags.string({ summary: 'field selector: =, ==, !=' }),
    'sort-by': Flags.string({ summary: 'sort by the value at this JSONPath' }),
    watch: Flags.boolean({ char: 'w', summary: 'after listing, watch for changes' }),
    'watch-only': Flags.boolean({ summary: 'watch for changes without listing first' }),
    'output-watch-events': Flags.boolean({ summary: 'show watch events with their type' }),
    'show-labels': Flags.boolean({ summary: 'show all labels as the last column' }),
    'show-kind': Flags.boolean({ summary: "put the resource's kind before its name" }),
    'label-columns': Flags.string({
      char: 'L',
      summary: 'labels to show as columns',
      multiple: true,
      multipleNonGreedy: true,
      delimiter: ',',
    }),
    'no-headers': Flags.boolean({ summary: 'no header line' }),
    'ignore-not-found': Flags.boolean({ summary: 'no error for objects that do not exist' }),
    'chunk-size': Flags.integer({ summary: 'objects in one answer of the server; 0 for all at once', default: 500 }),
    'show-managed-fields': Flags.boolean({ summary: 'keep managedFields in json and yaml' }),
    'server-print': Flags.boolean({ summary: 'let the server make the columns', default: true, allowNo: true }),
    subresource: Flags.string({ summary: 'get this subresource of the object: status, scale, …' }),
    template: Flags.string({ summary: 'template of -o jsonpath or custom-columns' }),
    'allow-missing-template-keys': Flags.boolean({
      summary: 'missing keys in a JSONPath give nothing instead of an error',
      default: true,
      allowNo: true,
    }),
    raw: Flags.string({ summary: 'a path to request as it is, e.g. /readyz' }),
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
    const parsed = await this.parse(Get);
    const { flags } = parsed;
    const session = await this.session(flags);
    const objects = await readObjects(flags, 'read', this.signal);
    await getResources(
      session,
      {
        words: this.wordsOf(parsed),
        objects,
        output: flags.output,
        template: flags.template,
        allowMissingKeys: flags['allow-missing-template-keys'],
        allNamespaces: flags['all-namespaces'],
        labelSelector: flags.selector,
        fieldSelector: flags['field-selector'],
        sortBy: flags['sort-by'],
        watch: flags.watch,
        watchOnly: flags['watch-only'],
        outputWatchEvents: flags['output-watch-events'],
        showLabels: flags['show-labels'],
        showKind: flags['show-kind'],
        labelColumns: flags['label-columns'],
        noHeaders: flags['no-headers'],
        ignoreNotFound: flags['ignore-not-found'],
        chunkSize: flags['chunk-size'],
        showManagedFields: flags['show-managed-fields'],
        serverPrint: flags['server-print'],
        subresource: flags.subresource,
        raw: flags.raw,
      },
      this.output,
    );
  }
}
