import { ApiCommand, canI, Flags } from '../../src/cli/index.ts';

export default class AuthCanI extends ApiCommand {
  static override summary = 'Ask whether something is allowed.';
  static override usage = 'auth can-i VERB (TYPE | TYPE/NAME | /PATH) [flags]';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> auth can-i create pods',
    '<%= config.bin %> auth can-i get pods --as=ann -n shop',
  ];
  static override flags = {
    'all-namespaces': Flags.boolean({ char: 'A', summary: 'in all namespaces' }),
    quiet: Flags.boolean({ char: 'q', summary: 'only the exit code' }),
    subresource: Flags.string({ summary: 'as log' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(AuthCanI);
    if (!(await canI(words, flags, () => this.session(flags), this.streams))) process.exit(1);
  }
}
