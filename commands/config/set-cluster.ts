import { ConfigCommand, configSetCluster, Flags } from '../../src/cli/index.ts';

export default class ConfigSetCluster extends ConfigCommand {
  static override summary = 'Make or change a cluster.';
  static override strict = false;
  static override usage = 'config set-cluster NAME [flags]';
  static override examples = [
    '<%= config.bin %> config set-cluster dev --server=https://1.2.3.4',
    '<%= config.bin %> config set-cluster dev --certificate-authority=ca.crt --embed-certs',
  ];
  static override flags = {
    server: Flags.string({ summary: 'URL of the API server' }),
    'tls-server-name': Flags.string({ summary: 'the name that its certificate must have' }),
    'insecure-skip-tls-verify': Flags.boolean({ summary: 'do not check its certificate', allowNo: true }),
    'certificate-authority': Flags.string({ summary: 'file with the certificates that are trusted' }),
    'embed-certs': Flags.boolean({ summary: 'put the certificates inline', allowNo: true }),
    'proxy-url': Flags.string({ summary: 'URL of a proxy' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(ConfigSetCluster);
    await configSetCluster(words, flags, this.streams);
  }
}
