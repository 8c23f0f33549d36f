import { CreateCommand, createFlags, exactlyOneName, namespace } from '../../src/cli/index.ts';

export default class CreateNamespace extends CreateCommand {
  static override summary = 'Create a namespace.';
  static override usage = 'create namespace NAME [flags]';
  static override strict = false;
  static override aliases = ['create:ns'];
  static override examples = [`<%= config.bin %> create namespace shop`];
  static override flags = {
    ...createFlags,
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(CreateNamespace);
    const name = exactlyOneName('create namespace', words);
    await this.create(flags, () => namespace(name), { namespaced: false });
  }
}
