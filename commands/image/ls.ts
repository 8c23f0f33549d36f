import { ApiCommand, Flags, listImages, showImages } from '../../src/cli/index.ts';

export default class ImageLs extends ApiCommand {
  static override summary = 'List the images that were added to the cluster.';
  static override examples = ['<%= config.bin %> image ls', '<%= config.bin %> image ls -o json'];
  static override flags = {
    output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml', 'name'] }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(ImageLs);
    const images = await listImages(await this.session(flags));
    if (images.length === 0 && flags.output === undefined) this.say('no images; add one with: klab image add FILE');
    else this.print(showImages(images, flags.output));
  }
}
