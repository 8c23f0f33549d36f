import { CreateCommand, createFlags, exactlyOneName, serviceAccount } from '../../src/cli/index.ts';

export default class CreateServiceAccount extends CreateCommand {
  static override summary = 'Create a service account.';
  static override usage = 'create serviceaccount NAME [flags]';
  static override strict = false;
  static override aliases = ['create:sa'];
  static override examples = [`<%= config.bin %> create serviceaccount robot`];
  static override flags = {
    ...createFlags,
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(CreateServiceAccount);
    const name = exactlyOneName('create serviceaccount', words);
    await this.create(flags, () => serviceAccount(name));
  }
}
