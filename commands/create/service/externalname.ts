import { CreateCommand, createFlags, exactlyOneName, Flags, requireFlags, service } from '../../../src/cli/index.ts';

export default class CreateServiceExternalName extends CreateCommand {
  static override summary = 'Create a ExternalName service.';
  static override usage = 'create service externalname NAME [flags]';
  static override strict = false;
  static override aliases = ['create:svc:externalname'];
  static override examples = [`<%= config.bin %> create service externalname web --external-name=db.example.com`];
  static override flags = {
    ...createFlags,
    tcp: Flags.string({
      summary: 'PORT or PORT:TARGET (may be repeated)',
      multiple: true,
      multipleNonGreedy: true,
      delimiter: ',',
    }),
    'external-name': Flags.string({ summary: 'the DNS name' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(CreateServiceExternalName);
    requireFlags(flags, 'external-name');
    const name = exactlyOneName('create service externalname', words);
    await this.create(flags, () => service(name, 'ExternalName', flags));
  }
}
