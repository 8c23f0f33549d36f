import { BaseCommand, completionScript } from '../src/cli/index.ts';

export default class Completion extends BaseCommand {
  static override summary = 'Print the script by which a shell completes what is typed.';
  static override description =
    'Commands, flags and their values, types, names, namespaces, containers, contexts. Names come from a cluster that runs; none is booted for it.';
  static override usage = 'completion (bash | zsh | fish | powershell)';
  static override strict = false;
  static override examples = [
    'source <(<%= config.bin %> completion bash)',
    'source <(<%= config.bin %> completion zsh)',
    '<%= config.bin %> completion fish | source',
    '<%= config.bin %> completion powershell | Out-String | Invoke-Expression',
    'alias k=<%= config.bin %>; complete -o default -F __start_klab k',
  ];

  async run(): Promise<void> {
    const { words } = await this.parseWords(Completion);
    this.write(completionScript(words));
  }
}
