import { CreateCommand, createFlags, deployment, exactlyOneName, Flags, requireFlags } from '../../src/cli/index.ts';

export default class CreateDeployment extends CreateCommand {
  static override summary = 'Create a deployment.';
  static override usage = 'create deployment NAME [flags] [-- COMMAND…]';
  static override strict = false;
  static override aliases = ['create:deploy', 'create:dep'];
  static override examples = [
    `<%= config.bin %> create deployment web --image=nginx --replicas=2`,
    `<%= config.bin %> create deployment sleeper --image=busybox -- sleep 3600`,
  ];
  static override flags = {
    ...createFlags,
    image: Flags.string({
      summary: 'image of a container (may be repeated)',
      multiple: true,
      multipleNonGreedy: true,
      delimiter: ',',
    }),
    port: Flags.integer({ summary: 'the port that the first container exposes' }),
    replicas: Flags.integer({ char: 'r', summary: 'how many pods', default: 1 }),
  };

  async run(): Promise<void> {
    const { flags, words, afterDash } = await this.parseWords(CreateDeployment);
    requireFlags(flags, 'image');
    const name = exactlyOneName('create deployment', words);
    await this.create(flags, () => deployment(name, { ...flags, image: flags.image! }, afterDash));
  }
}
