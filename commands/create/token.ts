import { ApiCommand, createToken, exactlyOneName, Flags, printFlags } from '../../src/cli/index.ts';

export default class CreateToken extends ApiCommand {
  static override summary = 'Ask for a token of a service account.';
  static override usage = 'create token NAME [flags]';
  static override strict = false;
  static override examples = ['<%= config.bin %> create token robot --duration=10m'];
  static override flags = {
    ...printFlags,
    audience: Flags.string({ summary: 'for whom (may be repeated)', multiple: true, multipleNonGreedy: true }),
    duration: Flags.string({ summary: 'how long it holds', default: '0s' }),
    'bound-object-kind': Flags.string({ summary: 'Pod, Secret or Node: the token dies with the object' }),
    'bound-object-name': Flags.string({ summary: 'name of that object' }),
    'bound-object-uid': Flags.string({ summary: 'uid of that object' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(CreateToken);
    const name = exactlyOneName('create token', words);
    await createToken(
      () => this.session(flags),
      name,
      flags,
      (text) => this.write(text),
    );
  }
}
