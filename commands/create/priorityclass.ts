import { CreateCommand, createFlags, exactlyOneName, Flags, priorityClass } from '../../src/cli/index.ts';

export default class CreatePriorityClass extends CreateCommand {
  static override summary = 'Create a priority class.';
  static override usage = 'create priorityclass NAME [flags]';
  static override strict = false;
  static override aliases = ['create:pc'];
  static override examples = [`<%= config.bin %> create priorityclass high --value=1000`];
  static override flags = {
    ...createFlags,
    value: Flags.integer({ summary: 'the priority', default: 0 }),
    'global-default': Flags.boolean({ summary: 'for pods that name no class' }),
    description: Flags.string({ summary: 'what it is for' }),
    'preemption-policy': Flags.string({ summary: 'PreemptLowerPriority or Never', default: 'PreemptLowerPriority' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(CreatePriorityClass);
    const name = exactlyOneName('create priorityclass', words);
    await this.create(flags, () => priorityClass(name, flags), { namespaced: false });
  }
}
