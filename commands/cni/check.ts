import { BaseCommand, cniAttachFlags, cniAttachRequest, cniCheck } from '../../src/cli/index.ts';

export default class CniCheck extends BaseCommand {
  static override summary = "Ask the plugins whether a container's network is still as add left it.";
  static override examples = ['<%= config.bin %> cni check --conf lab.conflist --netns pod'];
  static override flags = cniAttachFlags;

  async run(): Promise<void> {
    const { flags } = await this.parse(CniCheck);
    const io = {
      print: (text: string) => this.print(text),
      say: (text: string) => this.say(text),
      signal: this.signal,
    };
    await cniCheck(cniAttachRequest(flags), io);
  }
}
