import { ConfigCommand, configSetContext, Flags } from '../../src/cli/index.ts';

export default class ConfigSetContext extends ConfigCommand {
  static override summary = 'Make or change a context.';
  static override strict = false;
  static override usage = 'config set-context (NAME | --current) [flags]';
  static override examples = [
    '<%= config.bin %> config set-context --current --namespace=shop',
    '<%= config.bin %> config set-context dev --cluster=dev --user=ann',
  ];
  static override flags = {
    current: Flags.boolean({ summary: 'the current context' }),
    cluster: Flags.string({ summary: 'its cluster' }),
    user: Flags.string({ summary: 'its user' }),
    namespace: Flags.string({ char: 'n', summary: 'its namespace' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(ConfigSetContext);
    await configSetContext(words, flags, this.streams);
  }
}
