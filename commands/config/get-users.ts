import { ConfigCommand, configGetNames } from '../../src/cli/index.ts';

export default class ConfigGetUsers extends ConfigCommand {
  static override summary = 'List the names of users.';
  static override strict = false;
  static override usage = 'config get-users';
  static override examples = ['<%= config.bin %> config get-users'];

  async run(): Promise<void> {
    const { flags } = await this.parseWords(ConfigGetUsers);
    configGetNames('users', flags, this.streams);
  }
}
