import { ConfigCommand, configCurrentContext } from '../../src/cli/index.ts';

export default class ConfigCurrentContext extends ConfigCommand {
  static override summary = 'Show the name of the current context.';
  static override strict = false;
  static override usage = 'config current-context';
  static override examples = ['<%= config.bin %> config current-context'];

  async run(): Promise<void> {
    const { flags } = await this.parseWords(ConfigCurrentContext);
    configCurrentContext(flags, this.streams);
  }
}
