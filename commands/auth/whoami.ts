import { ApiCommand, printFlags, whoAmI } from '../../src/cli/index.ts';

export default class AuthWhoami extends ApiCommand {
  static override summary = 'Show who the server takes you for.';
  static override usage = 'auth whoami [flags]';
  static override strict = false;
  static override examples = ['<%= config.bin %> auth whoami', '<%= config.bin %> auth whoami --as=ann'];
  static override flags = {
    ...printFlags,
  };

  async run(): Promise<void> {
    const { flags } = await this.parseWords(AuthWhoami);
    await whoAmI(await this.session(flags), flags, this.streams);
  }
}
