import { CreateCommand, createFlags, dockerRegistrySecret, exactlyOneName, Flags } from '../../../src/cli/index.ts';

export default class CreateSecretDockerRegistry extends CreateCommand {
  static override summary = 'Create a secret for pulling images.';
  static override usage = 'create secret docker-registry NAME [flags]';
  static override strict = false;
  static override examples = [
    `<%= config.bin %> create secret docker-registry pull --docker-username=ann --docker-password=x`,
  ];
  static override flags = {
    ...createFlags,
    'from-file': Flags.string({
      summary: 'a file, KEY=FILE, or a folder (may be repeated)',
      multiple: true,
      multipleNonGreedy: true,
    }),
    'append-hash': Flags.boolean({ summary: 'append a hash of the content to the name' }),
    'docker-server': Flags.string({ summary: 'the registry', default: 'https://index.docker.io/v1/' }),
    'docker-username': Flags.string({ summary: 'the user' }),
    'docker-password': Flags.string({ summary: 'the password' }),
    'docker-email': Flags.string({ summary: 'the address' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(CreateSecretDockerRegistry);
    const name = exactlyOneName('create secret docker-registry', words);
    await this.create(flags, () => dockerRegistrySecret(name, flags));
  }
}
