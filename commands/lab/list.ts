import { Flags, LabCommand, listLabs } from '../../src/cli/index.ts';

export default class LabList extends LabCommand {
  static override summary = 'List the labs: patterns of Kubernetes to run, read and break.';
  static override examples = ['<%= config.bin %> lab list', '<%= config.bin %> lab list -o json'];
  static override flags = {
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml', 'name'] }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(LabList);
    this.print(listLabs(flags.output));
  }
}
