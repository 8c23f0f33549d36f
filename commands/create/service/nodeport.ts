import { CreateCommand, createFlags, exactlyOneName, Flags, service } from '../../../src/cli/index.ts';

export default class CreateServiceNodePort extends CreateCommand {
  static override summary = 'Create a NodePort service.';
  static override usage = 'create service nodeport NAME [flags]';
  static override strict = false;
  static override aliases = ['create:svc:nodeport'];
  static override examples = [`<%= config.bin %> create service nodeport web --tcp=80`];
  static override flags = {
    ...createFlags,
    tcp: Flags.string({
      summary: 'PORT or PORT:TARGET (may be repeated)',
      multiple: true,
      multipleNonGreedy: true,
      delimiter: ',',
    }),
    'node-port': Flags.integer({ summary: 'the port on the nodes' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(CreateServiceNodePort);
    const name = exactlyOneName('create service nodeport', words);
    await this.create(flags, () => service(name, 'NodePort', flags));
  }
}
