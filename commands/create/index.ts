import {
  ApiCommand,
  checkRaw,
  createEditedFiles,
  createFiles,
  createFlags,
  Flags,
  fileFlags,
  readFileFlags,
  sendRaw,
  UserError,
  usageError,
} from '../../src/cli/index.ts';

export default class Create extends ApiCommand {
  static override summary = 'Create objects from files, or one object by kind (klab create deployment …).';
  static override usage = 'create (-f FILE | -k DIR) [flags]';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> create -f web.yaml',
    '<%= config.bin %> create deployment web --image=nginx',
  ];

  static override flags = {
    ...createFlags,
    ...fileFlags,
    selector: Flags.string({ char: 'l', summary: 'only objects whose labels match' }),
    edit: Flags.boolean({ summary: 'open each object in your editor first' }),
    raw: Flags.string({ summary: 'send the file as it is to this path, with POST' }),
    'windows-line-endings': Flags.boolean({ summary: 'with --edit: lines end with CRLF', allowNo: true }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(Create);
    if (words.length > 0) throw usageError('create', `Unexpected args: [${words.join(' ')}]`);
    if (flags.raw) {
      if (!flags.filename?.length && !flags.kustomize) throw new UserError('must specify one of -f and -k');
      if (flags.edit) throw new UserError('--raw and --edit are mutually exclusive');
      if (flags.selector) throw new UserError('--raw and --selector (-l) are mutually exclusive');
      checkRaw(flags, 'one');
      await sendRaw('POST', flags, () => this.session(flags), this.streams);
      return;
    }
    const manifests = await readFileFlags(flags, 'created', this.signal);
    if (!manifests) throw new UserError('must specify one of -f and -k');
    if (flags.edit) {
      const session = await this.session(flags);
      if (!(await createEditedFiles(session, manifests, flags, this.streams))) process.exitCode = 1;
      return;
    }
    await createFiles(await this.session(flags), manifests, flags, (text) => this.write(text));
  }
}
