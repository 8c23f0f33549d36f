import { CreateCommand, clusterRole, createFlags, exactlyOneName, Flags } from '../../src/cli/index.ts';

export default class CreateClusterRole extends CreateCommand {
  static override summary = 'Create a cluster role.';
  static override usage = 'create clusterrole NAME [flags]';
  static override strict = false;
  static override examples = [`<%= config.bin %> create clusterrole reader --verb=get,list,watch --resource=pods`];
  static override flags = {
    ...createFlags,
    verb: Flags.string({ summary: 'verbs, with commas', multiple: true, multipleNonGreedy: true, delimiter: ',' }),
    resource: Flags.string({
      summary: 'resources, with commas',
      multiple: true,
      multipleNonGreedy: true,
      delimiter: ',',
    }),
    'resource-name': Flags.string({ summary: 'only objects of these names', multiple: true, multipleNonGreedy: true }),
    'non-resource-url': Flags.string({
      summary: 'paths that are no resources, with commas',
      multiple: true,
      multipleNonGreedy: true,
      delimiter: ',',
    }),
    'aggregation-rule': Flags.string({ summary: 'labels of the cluster roles to add up' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(CreateClusterRole);
    const name = exactlyOneName('create clusterrole', words);
    await this.create(flags, (session) => clusterRole(name, flags, session, (text) => this.say(text)), {
      namespaced: false,
    });
  }
}
