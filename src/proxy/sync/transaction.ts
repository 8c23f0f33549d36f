/** One change of the rules: what to feed to which loader, and what would take it back. */

/** Loaders, without the family: iptables-restore becomes ip6tables-restore for IPv6. */
export type LoadProgram = 'iptables-restore' | 'nft' | 'ipset' | 'ipvsadm' | 'ip';

export interface LoadStep {
  readonly program: LoadProgram;
  readonly input: string;
}

export interface RuleTransaction {
  /** In order; none: nothing is to be done. */
  readonly steps: readonly LoadStep[];
  /** Brings back what was before, also when `steps` stopped half way. */
  readonly undo: readonly LoadStep[];
}

export const bytesWritten = (transaction: RuleTransaction): number =>
  transaction.steps.reduce((sum, step) => sum + Buffer.byteLength(step.input), 0);

export const step = (program: LoadProgram, lines: readonly string[]): LoadStep[] =>
  lines.length === 0 ? [] : [{ program, input: `${lines.join('\n')}\n` }];
