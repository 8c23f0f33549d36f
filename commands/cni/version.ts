import { BaseCommand, cniFlags, cniRequest, cniVersion } from '../../src/cli/index.ts';

export default class CniVersion extends BaseCommand {
  static override summary =
    'Show which versions of the CNI specification plugins support: those named, or a network’s.';
  static override usage = 'cni version [PLUGIN...]';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> cni version bridge portmap --bin-dir /usr/lib/cni',
    '<%= config.bin %> cni version --conf lab.conflist',
  ];
  static override flags = cniFlags;

  async run(): Promise<void> {
    const parsed = await this.parse(CniVersion);
    const plugins = this.wordsOf(parsed);
    const io = {
      print: (text: string) => this.print(text),
      say: (text: string) => this.say(text),
      signal: this.signal,
    };
    await cniVersion({ ...cniRequest(parsed.flags), plugins: plugins.length === 0 ? undefined : plugins }, io);
  }
}
