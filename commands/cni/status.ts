import { BaseCommand, cniFlags, cniRequest, cniStatus } from '../../src/cli/index.ts';

export default class CniStatus extends BaseCommand {
  static override summary =
    'Ask the plugins of a network whether they would serve add (CNI 1.1), and show who is attached.';
  static override examples = [
    '<%= config.bin %> cni status',
    '<%= config.bin %> cni status --conf lab.conflist -o json',
  ];
  static override flags = cniFlags;

  async run(): Promise<void> {
    const { flags } = await this.parse(CniStatus);
    const io = {
      print: (text: string) => this.print(text),
      say: (text: string) => this.say(text),
      signal: this.signal,
    };
    await cniStatus(cniRequest(flags), io);
  }
}
