import { CreateCommand, configMap, createFlags, exactlyOneName, Flags } from '../../src/cli/index.ts';

export default class CreateConfigMap extends CreateCommand {
  static override summary = 'Create a config map from files, literals or env files.';
  static override usage = 'create configmap NAME [flags]';
  static override strict = false;
  static override aliases = ['create:cm'];
  static override examples = [
    `<%= config.bin %> create configmap settings --from-literal=mode=dev`,
    `<%= config.bin %> create configmap files --from-file=conf/`,
  ];
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
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(CreateConfigMap);
    const name = exactlyOneName('create configmap', words);
    await this.create(flags, () => configMap(name, flags));
  }
}
