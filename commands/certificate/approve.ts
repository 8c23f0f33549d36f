import { ApiCommand, decideCertificates, Flags, fileFlags, printFlags } from '../../src/cli/index.ts';

export default class CertificateApprove extends ApiCommand {
  static override summary = 'Approve certificate signing requests.';
  static override usage = 'certificate approve NAME… [flags]';
  static override strict = false;
  static override examples = ['<%= config.bin %> certificate approve csr-1'];
  static override flags = {
    ...printFlags,
    ...fileFlags,
    force: Flags.boolean({ summary: 'also if it was done before' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(CertificateApprove);
    await decideCertificates('approve', words, flags, () => this.session(flags), this.streams);
  }
}
