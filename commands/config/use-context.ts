import { ConfigCommand, configUseContext } from '../../src/cli/index.ts';

export default class ConfigUseContext extends ConfigCommand {
  static override aliases = ['config:use'];
  static override summary = 'Make a context the current one.';
  static override strict = false;
  static override usage = 'config use-context NAME';
  static override examples = ['<%= config.bin %> config use-context klab-default'];

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(ConfigUseContext);
    await configUseContext(words, flags, this.streams);
  }
}
