import { ApiCommand, canI, Flags } from '../../src/cli/index.ts';

export default class AuthCanI extends ApiCommand {
  static override summary = 'Ask whether something is allowed.';
  static override usage = 'auth can-i VERB (TYPE | TYPE/NAME | /PATH) [flags] | auth can-i --list';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> auth can-i create pods',
    '<%= config.bin %> auth can-i get pods --as=ann -n shop',
    '<%= config.bin %> auth can-i --list --as=system:serviceaccount:shop:web',
  ];
  static override flags = {
    'all-namespaces': Flags.boolean({ char: 'A', summary: 'in all namespaces' }),
    quiet: Flags.boolean({ char: 'q', summary: 'only the exit code' }),
    list: Flags.boolean({ summary: 'all that is allowed' }),
    'no-headers': Flags.boolean({ summary: 'with --list: no header line' }),
    subresource: Flags.string({ summary: 'as log' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(AuthCanI);
    if (!(await canI(words, flags, () => this.session(flags), this.streams))) process.exit(1);
  }
}
