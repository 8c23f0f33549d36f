import { ConfigCommand, configUnset } from '../../src/cli/index.ts';

export default class ConfigUnset extends ConfigCommand {
  static override summary = 'Clear one field, or delete an entry.';
  static override strict = false;
  static override usage = 'config unset PROPERTY';
  static override examples = [
    '<%= config.bin %> config unset current-context',
    '<%= config.bin %> config unset users.ann',
  ];

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(ConfigUnset);
    await configUnset(words, flags, this.streams);
  }
}
