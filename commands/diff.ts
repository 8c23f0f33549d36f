import { ApiCommand, diffObjects, exitCodes, Flags, fileFlags } from '../src/cli/index.ts';

export default class Diff extends ApiCommand {
  static override summary = 'Show what applying files would change.';
  static override description =
    'Asks the server without storing anything, as `klab apply` would: server-side as manager "klab", or client-side ' +
    "with --server-side=false. The comparison is diff's unified one, or KUBECTL_EXTERNAL_DIFF's. " +
    'Exit code 0: no differences, 1: differences, above: a failure.';
  static override usage = 'diff -f FILE [flags]';
  static override strict = false;
  static override examples = ['<%= config.bin %> diff -f web.yaml', 'cat web.yaml | <%= config.bin %> diff -f -'];
  static override flags = {
    ...fileFlags,
    'server-side': Flags.boolean({ summary: 'let the server merge', default: true, allowNo: true }),
    'force-conflicts': Flags.boolean({ summary: 'take over fields that other managers own' }),
    'field-manager': Flags.string({ summary: 'the name under which fields are owned (default klab)' }),
    'show-managed-fields': Flags.boolean({ summary: 'compare managedFields too' }),
    'show-secrets': Flags.boolean({ summary: 'show the values of Secrets' }),
    concurrency: Flags.integer({ summary: 'objects compared at a time', default: 1 }),
    selector: Flags.string({ char: 'l', summary: 'only objects whose labels match' }),
    prune: Flags.boolean({ summary: 'show what pruning would delete' }),
    'prune-allowlist': Flags.string({
      summary: 'with --prune: group/version/Kind to look at (may be repeated)',
      multiple: true,
      multipleNonGreedy: true,
    }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(Diff);
    if (await diffObjects(words, flags, () => this.session(flags), this.streams)) process.exitCode = exitCodes.failed;
  }

  /** 1 says that there are differences: failures are above it. */
  override async catch(error: Error): Promise<void> {
    const { text, exitCode } = this.rendered(error);
    if (text !== '') this.say(text);
    process.exit(Math.max(exitCode, exitCodes.usage));
  }
}
