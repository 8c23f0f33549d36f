import {
  ApiCommand,
  dryRunFlag,
  Flags,
  fieldManagerFlag,
  printFlags,
  selectFlags,
  taintNodes,
  validateFlag,
} from '../src/cli/index.ts';

export default class Taint extends ApiCommand {
  static override summary = 'Set or remove taints of nodes.';
  static override usage = 'taint NODE NAME KEY=VALUE:EFFECT… KEY-… [flags]';
  static override strict = false;
  static override examples = [
    '<%= config.bin %> taint nodes node-1 dedicated=db:NoSchedule',
    '<%= config.bin %> taint nodes node-1 dedicated-',
  ];
  static override flags = {
    ...printFlags,
    ...dryRunFlag,
    ...fieldManagerFlag('kubectl-taint'),
    ...selectFlags,
    ...validateFlag,
    overwrite: Flags.boolean({ summary: 'replace other values' }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(Taint);
    await taintNodes(words, flags, () => this.session(flags), this.streams);
  }
}
