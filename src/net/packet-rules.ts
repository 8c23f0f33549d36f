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

const odd = /[\s"]/;

/** iptables-save quotes what has a space. */
export function quoteToken(token: string): string {
  return odd.test(token) ? `"${token.replaceAll('"', '\\"')}"` : token;
}

export function ruleText(rule: Rule): string {
  const words = ['-A', rule.chain];
  for (const token of rule.match) words.push(quoteToken(token));
  for (const token of rule.target) words.push(quoteToken(token));
  return words.join(' ');
}

export function comment(text: string): string[] {
  return ['-m', 'comment', '--comment', text];
}

/** One table as `iptables-restore --noflush` reads it. */
export function tableText(table: RuleTable): string {
  const lines = [`*${table.name}`];
  for (const chain of table.chains) lines.push(`:${chain} - [0:0]`);
  for (const rule of table.rules) lines.push(ruleText(rule));
  lines.push('COMMIT');
  return lines.join('\n');
}
