import { ConfigCommand, configGetContexts, Flags } from '../../src/cli/index.ts';

export default class ConfigGetContexts extends ConfigCommand {
  static override summary = 'List contexts.';
  static override strict = false;
  static override usage = 'config get-contexts [NAME...] [flags]';
  static override examples = ['<%= config.bin %> config get-contexts', '<%= config.bin %> config get-contexts -o name'];
  static override flags = {
    output: Flags.string({ char: 'o', summary: 'output format: name' }),
    'no-headers': Flags.boolean({ summary: 'no header line' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(ConfigGetContexts);
    configGetContexts(words, flags, this.streams);
  }
}
