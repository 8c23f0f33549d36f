import { BaseCommand, Flags, printKustomization } from '../src/cli/index.ts';

export default class Kustomize extends BaseCommand {
  static override summary = 'Print the objects that a kustomization makes.';
  static override usage = 'kustomize [FOLDER] [flags]';
  static override strict = false;
  static override examples = ['<%= config.bin %> kustomize ./overlays/production'];
  static override flags = {
    output: Flags.string({ char: 'o', summary: 'write to this file instead of stdout' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(Kustomize);
    await printKustomization(words, flags, this.streams);
  }
}
