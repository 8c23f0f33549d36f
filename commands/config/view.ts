import { ConfigCommand, configView, Flags, printFlags } from '../../src/cli/index.ts';

export default class ConfigView extends ConfigCommand {
  static override summary = 'Show the merged kubeconfig, or the one of --kubeconfig.';
  static override strict = false;
  static override usage = 'config view [flags]';
  static override examples = [
    '<%= config.bin %> config view',
    '<%= config.bin %> config view --minify --raw',
    '<%= config.bin %> config view -o jsonpath={.users[*].name}',
  ];
  static override flags = {
    ...printFlags,
    merge: Flags.boolean({ summary: 'merge all files of $KUBECONFIG', allowNo: true }),
    flatten: Flags.boolean({ summary: 'put the content of files inline' }),
    minify: Flags.boolean({ summary: 'only what the current context needs' }),
    raw: Flags.boolean({ summary: 'show certificates and secrets' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(ConfigView);
    configView(words, flags, this.streams);
  }
}
