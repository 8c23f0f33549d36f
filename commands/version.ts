import { ApiCommand, Flags, versionText } from '../src/cli/index.ts';

export default class Version extends ApiCommand {
  static override summary = 'Print the versions of klab and of the server.';
  static override examples = ['<%= config.bin %> version', '<%= config.bin %> version --client -o json'];
  static override flags = {
    client: Flags.boolean({ summary: 'only the version of klab' }),
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Version);
    const foreign = flags.context !== undefined || flags.kubeconfig !== undefined;
    const session = foreign && !flags.client ? await this.session(flags) : undefined;
    this.print(await versionText({ name: flags.name, client: flags.client, output: flags.output }, session));
  }
}
