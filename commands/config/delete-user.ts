import { ConfigCommand, configDelete } from '../../src/cli/index.ts';

export default class ConfigDeleteUser extends ConfigCommand {
  static override summary = 'Delete a user.';
  static override strict = false;
  static override usage = 'config delete-user NAME';
  static override examples = ['<%= config.bin %> config delete-user dev'];

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(ConfigDeleteUser);
    await configDelete('user', words, flags, this.streams);
  }
}
