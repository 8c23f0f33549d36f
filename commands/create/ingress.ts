import { CreateCommand, createFlags, exactlyOneName, Flags, ingress } from '../../src/cli/index.ts';

export default class CreateIngress extends CreateCommand {
  static override summary = 'Create an ingress.';
  static override usage = 'create ingress NAME [flags]';
  static override strict = false;
  static override aliases = ['create:ing'];
  static override examples = [`<%= config.bin %> create ingress web --rule='web.local/*=web:80'`];
  static override flags = {
    ...createFlags,
    rule: Flags.string({
      summary: 'HOST/PATH=SERVICE:PORT[,tls[=SECRET]] (may be repeated)',
      multiple: true,
      multipleNonGreedy: true,
    }),
    class: Flags.string({ summary: 'the ingress class' }),
    'default-backend': Flags.string({ summary: 'SERVICE:PORT for everything else' }),
    annotation: Flags.string({ summary: 'KEY=VALUE (may be repeated)', multiple: true, multipleNonGreedy: true }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(CreateIngress);
    const name = exactlyOneName('create ingress', words);
    await this.create(flags, () => ingress(name, flags));
  }
}
