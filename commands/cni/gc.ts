import { BaseCommand, cniFlags, cniGc, cniRequest, Flags } from '../../src/cli/index.ts';

export default class CniGc extends BaseCommand {
  static override summary =
    'Clear away what containers left behind that are gone: addresses, rules, remembered results.';
  static override description =
    'Remembered attachments that are not valid are deleted; then plugins of CNI 1.1 are told GC with the valid ones ' +
    '(cni.dev/valid-attachments). Valid are those named, or those whose network namespace is still there.';
  static override examples = [
    '<%= config.bin %> cni gc --conf lab.conflist',
    '<%= config.bin %> cni gc --conf lab.conflist --valid web-1 --valid web-2/net1',
  ];
  static override flags = {
    ...cniFlags,
    valid: Flags.string({
      summary: 'an attachment still in use, as ID or ID/IFNAME; may be repeated',
      multiple: true,
      exclusive: ['none-valid'],
    }),
    'none-valid': Flags.boolean({ summary: 'no attachment is in use any more', default: false }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(CniGc);
    const io = {
      print: (text: string) => this.print(text),
      say: (text: string) => this.say(text),
      signal: this.signal,
    };
    await cniGc({ ...cniRequest(flags), valid: flags['none-valid'] ? [] : flags.valid }, io);
  }
}
