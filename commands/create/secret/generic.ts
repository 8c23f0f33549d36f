import { CreateCommand, createFlags, exactlyOneName, Flags, genericSecret } from '../../../src/cli/index.ts';

export default class CreateSecretGeneric extends CreateCommand {
  static override summary = 'Create a secret from files, literals or env files.';
  static override usage = 'create secret generic NAME [flags]';
  static override strict = false;
  static override examples = [`<%= config.bin %> create secret generic db --from-literal=password=hunter2`];
  static override flags = {
    ...createFlags,
    'from-file': Flags.string({
      summary: 'a file, KEY=FILE, or a folder (may be repeated)',
      multiple: true,
      multipleNonGreedy: true,
    }),
    'from-literal': Flags.string({ summary: 'KEY=VALUE (may be repeated)', multiple: true, multipleNonGreedy: true }),
    'from-env-file': Flags.string({
      summary: 'a file of lines KEY=VALUE (may be repeated)',
      multiple: true,
      multipleNonGreedy: true,
    }),
    'append-hash': Flags.boolean({ summary: 'append a hash of the content to the name' }),
    type: Flags.string({ summary: 'the type of the secret' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(CreateSecretGeneric);
    const name = exactlyOneName('create secret generic', words);
    await this.create(flags, () => genericSecret(name, flags));
  }
}
