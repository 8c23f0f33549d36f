import { CreateCommand, createFlags, exactlyOneName, Flags, role } from '../../src/cli/index.ts';

export default class CreateRole extends CreateCommand {
  static override summary = 'Create a role.';
  static override usage = 'create role NAME [flags]';
  static override strict = false;
  static override examples = [`<%= config.bin %> create role reader --verb=get,list,watch --resource=pods`];
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
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(CreateRole);
    const name = exactlyOneName('create role', words);
    await this.create(flags, (session) => role(name, flags, session, (text) => this.say(text)));
  }
}
