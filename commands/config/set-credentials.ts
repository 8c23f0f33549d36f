import { ConfigCommand, configSetCredentials, Flags } from '../../src/cli/index.ts';

export default class ConfigSetCredentials extends ConfigCommand {
  static override summary = 'Make or change a user.';
  static override strict = false;
  static override usage = 'config set-credentials NAME [flags]';
  static override examples = [
    '<%= config.bin %> config set-credentials ann --token=s3cret',
    '<%= config.bin %> config set-credentials ann --client-certificate=c.pem --client-key=k.pem --embed-certs',
  ];
  static override flags = {
    'client-certificate': Flags.string({ summary: 'file with the certificate' }),
    'client-key': Flags.string({ summary: 'file with the key' }),
    'embed-certs': Flags.boolean({ summary: 'put certificate and key inline', allowNo: true }),
    token: Flags.string({ summary: 'bearer token' }),
    username: Flags.string({ summary: 'for basic authentication' }),
    password: Flags.string({ summary: 'for basic authentication' }),
    'auth-provider': Flags.string({ summary: 'name of a provider' }),
    'auth-provider-arg': Flags.string({
      summary: 'key=value for the provider, key- removes one (may be repeated)',
      multiple: true,
      multipleNonGreedy: true,
      delimiter: ',',
    }),
    'exec-command': Flags.string({ summary: 'program that prints credentials' }),
    'exec-api-version': Flags.string({ summary: 'version of its API' }),
    'exec-interactive-mode': Flags.string({ summary: 'Never, IfAvailable or Always' }),
    'exec-provide-cluster-info': Flags.boolean({ summary: 'tell it of the cluster', allowNo: true }),
    'exec-arg': Flags.string({
      summary: 'argument of the program (may be repeated)',
      multiple: true,
      multipleNonGreedy: true,
      delimiter: ',',
    }),
    'exec-env': Flags.string({
      summary: 'key=value for its environment, key- removes one (may be repeated)',
      multiple: true,
      multipleNonGreedy: true,
    }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(ConfigSetCredentials);
    await configSetCredentials(words, flags, this.streams);
  }
}
