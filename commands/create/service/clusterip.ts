import { CreateCommand, createFlags, exactlyOneName, Flags, service } from '../../../src/cli/index.ts';

export default class CreateServiceClusterIP extends CreateCommand {
  static override summary = 'Create a ClusterIP service.';
  static override usage = 'create service clusterip NAME [flags]';
  static override strict = false;
  static override aliases = ['create:svc:clusterip'];
  static override examples = [`<%= config.bin %> create service clusterip web --tcp=80:8080`];
  static override flags = {
    ...createFlags,
    tcp: Flags.string({
      summary: 'PORT or PORT:TARGET (may be repeated)',
      multiple: true,
      multipleNonGreedy: true,
      delimiter: ',',
    }),
    clusterip: Flags.string({ summary: 'an address, or None' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(CreateServiceClusterIP);
    const name = exactlyOneName('create service clusterip', words);
    await this.create(flags, () => service(name, 'ClusterIP', flags));
  }
}
