/**
 * A packet filter's rules as data: what the writers print and what a tracer walks. Arguments are tokens of the real
 * iptables grammar, in order; nothing is normalised.
 */
export interface Rule {
  readonly chain: string;
  /** Match tokens, `-m comment --comment X` first where there is one. */
  readonly match: readonly string[];
  /** `-j X` and its options; empty for a rule without target. */
  readonly target: readonly string[];
}

export interface RuleTable {
  readonly name: 'raw' | 'mangle' | 'nat' | 'filter' | 'security';
  /** In order of declaration. */
  readonly chains: readonly string[];
  readonly rules: readonly Rule[];
}

/** A jump from a built-in chain, made once and kept by "ensure", not by restore. */
export interface Jump {
  readonly table: 'filter' | 'nat' | 'mangle';
  readonly from: string;
  readonly to: string;
  readonly comment: string;
  readonly match: readonly string[];
}

/** iptables-save quotes what has a space. */
export function quoteToken(token: string): string {
  return /[\s"]/.test(token) ? `"${token.replaceAll('"', '\\"')}"` : token;
}

export function ruleText(rule: Rule): string {
  return ['-A', rule.chain, ...rule.match.map(quoteToken), ...rule.target.map(quoteToken)].join(' ');
}

export function comment(text: string): string[] {
  return ['-m', 'comment', '--comment', text];
}

/** One table as `iptables-restore --noflush` reads it. */
export function tableText(table: RuleTable): string {
  return [
    `*${table.name}`,
    ...table.chains.map((chain) => `:${chain} - [0:0]`),
    ...table.rules.map(ruleText),
    'COMMIT',
  ].join('\n');
}
