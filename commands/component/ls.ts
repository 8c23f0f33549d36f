import { ControlCommand, Flags, listComponents, showComponents } from '../../src/cli/index.ts';

export default class ComponentLs extends ControlCommand {
  static override summary = 'List the components of a cluster and whether they run.';
  static override examples = ['<%= config.bin %> component ls', '<%= config.bin %> component ls -o json'];
  static override flags = {
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(ComponentLs);
    this.print(showComponents(await listComponents(this.target(flags)), flags.output));
  }
}
