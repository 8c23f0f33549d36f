import {
  ApiCommand,
  dryRunFlag,
  Flags,
  fieldManagerFlag,
  fileFlags,
  printFlags,
  selectFlags,
  setImage,
} from '../../src/cli/index.ts';

export default class SetImage extends ApiCommand {
  static override summary = 'Set images of containers.';
  static override usage = 'set image (-f FILE | TYPE NAME) CONTAINER=IMAGE… [flags]';
  static override strict = false;
  static override examples = ['<%= config.bin %> set image deploy/web nginx=nginx:1.28'];
  static override flags = {
    ...printFlags,
    ...dryRunFlag,
    ...fieldManagerFlag('kubectl-set'),
    ...fileFlags,
    ...selectFlags,
    local: Flags.boolean({ summary: 'change what -f says, without a server' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(SetImage);
    await setImage(words, flags, () => this.session(flags), this.streams);
  }
}
