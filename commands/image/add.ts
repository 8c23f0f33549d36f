import { ApiCommand, Args, addImage, Flags } from '../../src/cli/index.ts';

export default class ImageAdd extends ApiCommand {
  static override summary = 'Add an image of your own: a JavaScript or TypeScript module, or a YAML behaviour file.';
  static override description =
    'Every node can pull it by its name from then on, and it is kept with the cluster. A module is a small program: it ' +
    'answers HTTP, logs, and has commands for kubectl exec; each container runs it in a process of its own. A behaviour ' +
    'file says how long things take and how they fail. Examples lie in fixtures/images.';
  static override examples = [
    '<%= config.bin %> image add ./shop.mjs',
    '<%= config.bin %> image add ./shop.mjs --tag shop:2',
    '<%= config.bin %> image add ./leaky.yaml',
  ];
  static override args = { file: Args.string({ description: 'the module or behaviour file', required: true }) };
  static override flags = {
    tag: Flags.string({ char: 't', summary: 'name of the image (default: what the file says)' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ImageAdd);
    this.print(`image/${await addImage(await this.session(flags), args.file, flags.tag)} added`);
  }
}
