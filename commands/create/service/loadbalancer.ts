import { CreateCommand, createFlags, exactlyOneName, Flags, service } from '../../../src/cli/index.ts';

export default class CreateServiceLoadBalancer extends CreateCommand {
  static override summary = 'Create a LoadBalancer service.';
  static override usage = 'create service loadbalancer NAME [flags]';
  static override strict = false;
  static override aliases = ['create:svc:loadbalancer'];
  static override examples = [`<%= config.bin %> create service loadbalancer web --tcp=80`];
  static override flags = {
    ...createFlags,
    tcp: Flags.string({
      summary: 'PORT or PORT:TARGET (may be repeated)',
      multiple: true,
      multipleNonGreedy: true,
      delimiter: ',',
    }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(CreateServiceLoadBalancer);
    const name = exactlyOneName('create service loadbalancer', words);
    await this.create(flags, () => service(name, 'LoadBalancer', flags));
  }
}
