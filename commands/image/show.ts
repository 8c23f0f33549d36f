import { ApiCommand, Args, Flags, printData, showImage } from '../../src/cli/index.ts';

export default class ImageShow extends ApiCommand {
  static override summary = 'Print the source of an image that was added.';
  static override examples = ['<%= config.bin %> image show shop:1', '<%= config.bin %> image show shop:1 -o json'];
  static override args = { image: Args.string({ description: 'its name', required: true }) };
  static override flags = { output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ImageShow);
    const image = await showImage(await this.session(flags), args.image);
    this.print(flags.output ? printData(image, flags.output as 'json' | 'yaml') : (image.source ?? '').trimEnd());
  }
}
