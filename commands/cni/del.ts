import { BaseCommand, cniAttachFlags, cniAttachRequest, cniDel } from '../../src/cli/index.ts';

export default class CniDel extends BaseCommand {
  static override summary = 'Detach a container from a network: the plugins of the chain are told DEL, last first.';
  static override description =
    'Plugins are given what add was given, and its result, as remembered; what the command line says goes first. Once more is no ' +
    'error, as the specification demands of plugins.';
  static override examples = [
    '<%= config.bin %> cni del --conf lab.conflist --netns pod',
    '<%= config.bin %> cni del --network lab --container-id web-1 --explain',
  ];
  static override flags = cniAttachFlags;

  async run(): Promise<void> {
    const { flags } = await this.parse(CniDel);
    const io = {
      print: (text: string) => this.print(text),
      say: (text: string) => this.say(text),
      signal: this.signal,
    };
    await cniDel(cniAttachRequest(flags), io);
  }
}
