import { ApiCommand, Args, removeImage } from '../../src/cli/index.ts';

export default class ImageRm extends ApiCommand {
  static override summary = 'Remove an image that was added. Containers that run keep theirs.';
  static override examples = ['<%= config.bin %> image rm shop:1'];
  static override args = { image: Args.string({ description: 'its name', required: true }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ImageRm);
    await removeImage(await this.session(flags), args.image);
    this.print(`image/${args.image} removed`);
  }
}
