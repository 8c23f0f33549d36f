import {
  ApiCommand,
  checkRaw,
  confirmed,
  deleteObjects,
  durationFlag,
  Flags,
  readForDelete,
  sendRaw,
  UserError,
} from '../src/cli/index.ts';

export default class Delete extends ApiCommand {
  static override summary = 'Delete objects by name, selector or manifest (a cluster goes with klab down --purge).';
  static override usage = 'delete (-f FILE | -k DIR | TYPE (NAME… | -l SELECTOR | --all) | TYPE/NAME…) [flags]';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> delete pod web',
    '<%= config.bin %> delete deploy/web svc/web',
    '<%= config.bin %> delete -f web.yaml',
    '<%= config.bin %> delete pods -l app=web --now',
    '<%= config.bin %> delete pods --all --force',
  ];

  static override flags = {
    filename: Flags.string({
      char: 'f',
      summary: 'file, folder, URL, or - for stdin that names the objects (may be repeated)',
      multiple: true,
      multipleNonGreedy: true,
      delimiter: ',',
    }),
    recursive: Flags.boolean({ char: 'R', summary: 'with -f: folders below folders too' }),
    kustomize: Flags.string({ char: 'k', summary: 'a folder with a kustomization.yaml' }),
    selector: Flags.string({ char: 'l', summary: 'label selector' }),
    'field-selector': Flags.string({ summary: 'field selector' }),
    all: Flags.boolean({ summary: 'all objects of the kind in the namespace' }),
    'all-namespaces': Flags.boolean({ char: 'A', summary: 'in all namespaces' }),
    now: Flags.boolean({ summary: 'with a grace period of one second' }),
    force: Flags.boolean({ summary: 'at once, without waiting for the node' }),
    'grace-period': Flags.integer({ summary: "seconds to end gracefully; -1 the object's own", default: -1 }),
    cascade: Flags.string({
      summary: 'what becomes of dependents: background, foreground or orphan',
      default: 'background',
    }),
    wait: Flags.boolean({ summary: 'wait until the objects are gone', default: true, allowNo: true }),
    timeout: Flags.string({ summary: 'how long to wait; 0 for ever', default: '0s' }),
    interactive: Flags.boolean({ char: 'i', summary: 'show what would go, and ask' }),
    raw: Flags.string({ summary: 'delete this path of the server' }),
    'ignore-not-found': Flags.boolean({ summary: 'no error for objects that do not exist' }),
    'dry-run': Flags.string({
      summary: 'print only (client), or send without storing (server)',
      options: ['none', 'client', 'server'],
      default: 'none',
    }),
    output: Flags.string({ char: 'o', summary: 'output format', options: ['name'] }),
  };

  async run(): Promise<void> {
    const parsed = await this.parse(Delete);
    const { flags } = parsed;
    if (flags.raw) {
      if (flags.interactive) throw new UserError('--interactive can not be used with --raw');
      checkRaw(flags, 'optional');
      await sendRaw('DELETE', flags, () => this.session(flags), this.streams);
      return;
    }
    const manifests = await readForDelete(flags, this.signal);
    const session = await this.session(flags);
    await deleteObjects(
      session,
      {
        words: this.wordsOf(parsed),
        manifests,
        labelSelector: flags.selector,
        fieldSelector: flags['field-selector'],
        all: flags.all,
        allNamespaces: flags['all-namespaces'],
        now: flags.now,
        force: flags.force,
        gracePeriodSeconds: flags['grace-period'],
        cascade: flags.cascade,
        wait: flags.wait,
        timeoutMs: durationFlag('timeout', flags.timeout),
        ignoreNotFound: flags['ignore-not-found'],
        dryRun: flags['dry-run'] as 'none' | 'client' | 'server',
        output: flags.output,
        interactive: flags.interactive,
      },
      {
        print: (text) => this.print(text),
        say: (text) => this.say(text),
        confirm: (question) => confirmed(question, this.streams),
      },
    );
  }
}
