import { ConfigCommand, configDelete } from '../../src/cli/index.ts';

export default class ConfigDeleteContext extends ConfigCommand {
  static override summary = 'Delete a context.';
  static override strict = false;
  static override usage = 'config delete-context NAME';
  static override examples = ['<%= config.bin %> config delete-context dev'];

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(ConfigDeleteContext);
    await configDelete('context', words, flags, this.streams);
  }
}
