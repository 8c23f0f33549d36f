import { CreateCommand, createFlags, exactlyOneName, Flags, podDisruptionBudget } from '../../src/cli/index.ts';

export default class CreatePodDisruptionBudget extends CreateCommand {
  static override summary = 'Create a pod disruption budget.';
  static override usage = 'create poddisruptionbudget NAME [flags]';
  static override strict = false;
  static override aliases = ['create:pdb'];
  static override examples = [`<%= config.bin %> create pdb web --selector=app=web --min-available=1`];
  static override flags = {
    ...createFlags,
    selector: Flags.string({ summary: 'label selector of the pods' }),
    'min-available': Flags.string({ summary: 'pods that must stay, a number or a percentage' }),
    'max-unavailable': Flags.string({ summary: 'pods that may go, a number or a percentage' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(CreatePodDisruptionBudget);
    const name = exactlyOneName('create poddisruptionbudget', words);
    await this.create(flags, () => podDisruptionBudget(name, flags));
  }
}
