import { ConfigCommand, configRenameContext } from '../../src/cli/index.ts';

export default class ConfigRenameContext extends ConfigCommand {
  static override summary = 'Give a context another name.';
  static override strict = false;
  static override usage = 'config rename-context OLD NEW';
  static override examples = ['<%= config.bin %> config rename-context klab-default lab'];

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(ConfigRenameContext);
    await configRenameContext(words, flags, this.streams);
  }
}
