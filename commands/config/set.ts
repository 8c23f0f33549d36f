import { ConfigCommand, configSet, Flags } from '../../src/cli/index.ts';

export default class ConfigSet extends ConfigCommand {
  static override summary = 'Set one field.';
  static override strict = false;
  static override usage = 'config set PROPERTY VALUE [flags]';
  static override examples = [
    '<%= config.bin %> config set contexts.dev.namespace shop',
    '<%= config.bin %> config set current-context dev',
  ];
  static override flags = {
    'set-raw-bytes': Flags.boolean({ summary: 'the value of a -data field is not base64' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(ConfigSet);
    await configSet(words, flags, this.streams);
  }
}
