import { ApiCommand, apiResources, Flags } from '../src/cli/index.ts';

export default class ApiResources extends ApiCommand {
  static override summary = 'List the resources that the server knows.';
  static override examples = [
    '<%= config.bin %> api-resources',
    '<%= config.bin %> api-resources -o wide --api-group apps',
    '<%= config.bin %> api-resources --namespaced=false -o name',
  ];
  static override flags = {
    'api-group': Flags.string({ summary: 'only this group' }),
    namespaced: Flags.boolean({ summary: 'only resources with namespaces, or only those without', allowNo: true }),
    verbs: Flags.string({
      summary: 'only resources with all these verbs',
      multiple: true,
      multipleNonGreedy: true,
      delimiter: ',',
    }),
    categories: Flags.string({
      summary: 'only resources of all these categories',
      multiple: true,
      multipleNonGreedy: true,
      delimiter: ',',
    }),
    'sort-by': Flags.string({ summary: 'sort by this column', options: ['name', 'kind'] }),
    'no-headers': Flags.boolean({ summary: 'no line with the names of the columns' }),
    cached: Flags.boolean({ summary: 'what was known before will do' }),
    output: Flags.string({ char: 'o', summary: 'output format', options: ['wide', 'name', 'json', 'yaml'] }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(ApiResources);
    const session = await this.session(flags);
    this.print(
      await apiResources(session, {
        apiGroup: flags['api-group'],
        namespaced: flags.namespaced,
        verbs: flags.verbs,
        categories: flags.categories,
        sortBy: flags['sort-by'],
        output: flags.output,
        headers: !flags['no-headers'],
        cached: flags.cached,
      }),
    );
  }
}
