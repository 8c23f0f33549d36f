import { CreateCommand, createFlags, exactlyOneName, Flags, tlsSecret } from '../../../src/cli/index.ts';

export default class CreateSecretTls extends CreateCommand {
  static override summary = 'Create a TLS secret from a certificate and its key.';
  static override usage = 'create secret tls NAME [flags]';
  static override strict = false;
  static override examples = [`<%= config.bin %> create secret tls web --cert=tls.crt --key=tls.key`];
  static override flags = {
    ...createFlags,
    cert: Flags.string({ summary: 'the certificate, PEM' }),
    key: Flags.string({ summary: 'its private key, PEM' }),
    'append-hash': Flags.boolean({ summary: 'append a hash of the content to the name' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(CreateSecretTls);
    const name = exactlyOneName('create secret tls', words);
    await this.create(flags, () => tlsSecret(name, flags));
  }
}
