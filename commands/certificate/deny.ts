import { ApiCommand, decideCertificates, Flags, fileFlags, printFlags } from '../../src/cli/index.ts';

export default class CertificateDeny extends ApiCommand {
  static override summary = 'Deny certificate signing requests.';
  static override usage = 'certificate deny NAME… [flags]';
  static override strict = false;
  static override examples = ['<%= config.bin %> certificate deny csr-1'];
  static override flags = {
    ...printFlags,
    ...fileFlags,
    force: Flags.boolean({ summary: 'also if it was done before' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(CertificateDeny);
    await decideCertificates('deny', words, flags, () => this.session(flags), this.streams);
  }
}
