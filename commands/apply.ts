import { ApiCommand, checkApplyFlags, Flags, readForApply, runApply } from '../src/cli/index.ts';

export default class Apply extends ApiCommand {
  static override summary = 'Apply manifests: files, folders, URLs, stdin or a kustomization.';
  static override description =
    'Sends every object as a server-side apply of manager "klab", in the order of what needs what: namespaces, CRDs, ' +
    'configuration, RBAC, services, workloads. Everything is read first: a mistake in one document, and nothing is ' +
    "applied. --server-side=false is kubectl's client-side apply.";
  static override examples = [
    '<%= config.bin %> apply -f web.yaml',
    '<%= config.bin %> apply -R -f manifests/ --wait',
    '<%= config.bin %> apply -k overlays/dev',
    'cat pod.json | <%= config.bin %> apply -f -',
    '<%= config.bin %> apply -f app.yaml --prune -l app=shop',
    '<%= config.bin %> apply -f app.yaml --dry-run=server -o yaml',
  ];

  static override flags = {
    filename: Flags.string({
      char: 'f',
      summary: 'file, folder, URL, or - for stdin (may be repeated)',
      multiple: true,
      multipleNonGreedy: true,
      delimiter: ',',
    }),
    recursive: Flags.boolean({ char: 'R', summary: 'with -f: folders below folders too' }),
    kustomize: Flags.string({ char: 'k', summary: 'a folder with a kustomization.yaml' }),
    'server-side': Flags.boolean({ summary: 'let the server merge', default: true, allowNo: true }),
    'force-conflicts': Flags.boolean({ summary: 'take over fields that other managers own' }),
    'field-manager': Flags.string({ summary: 'the name under which fields are owned (default klab)' }),
    'dry-run': Flags.string({
      summary: 'print only (client), or send without storing (server)',
      options: ['none', 'client', 'server'],
      default: 'none',
    }),
    validate: Flags.string({
      summary: 'unknown and duplicate fields: strict (or true), warn, ignore (or false)',
      default: 'strict',
    }),
    selector: Flags.string({ char: 'l', summary: 'only objects whose labels match' }),
    prune: Flags.boolean({ summary: 'delete what was applied before and is not in the manifests any more' }),
    all: Flags.boolean({ summary: 'with --prune: without a selector' }),
    'prune-allowlist': Flags.string({
      summary: 'with --prune: group/version/Kind to look at (may be repeated)',
      multiple: true,
      multipleNonGreedy: true,
    }),
    wait: Flags.boolean({ summary: 'wait until everything applied is ready; exit code 3 when it is not in time' }),
    timeout: Flags.string({ summary: 'with --wait: how long', default: '5m' }),
    output: Flags.string({ char: 'o', summary: 'output format', options: ['name', 'json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Apply);
    checkApplyFlags(flags);
    const manifests = await readForApply(flags, this.signal);
    const session = await this.session(flags);
    await runApply(session, manifests, flags, { print: (text) => this.print(text), say: (text) => this.say(text) });
  }
}
