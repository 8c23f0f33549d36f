/** The table as input of `nft -f`: one transaction that replaces what stood there. */
import type { ResolvedProxyConfig } from '../config.ts';
import type { NftChain, NftElement, NftRule, NftRules, NftSet } from './rules.ts';

const quoted = (text: string | undefined) => (text === undefined ? '' : ` comment "${text}"`);

/** `table` is `ip kube-proxy`, here and below. */
export const addTable = (table: string): string => `add table ${table} { comment "rules for kube-proxy" ; }`;

export function addChain(table: string, chain: NftChain): string {
  const parts = [chain.base, chain.comment === undefined ? undefined : `comment "${chain.comment}"`].filter(Boolean);
  const body = parts.length > 0 ? ` { ${parts.map((part) => `${part} ;`).join(' ')} }` : '';
  return `add chain ${table} ${chain.name}${body}`;
}

export function addSet(table: string, set: NftSet): string {
  const parts = [`type ${set.type}`, set.extra, set.comment === undefined ? undefined : `comment "${set.comment}"`];
  const body = parts
    .filter(Boolean)
    .map((part) => `${part} ;`)
    .join(' ');
  return `add ${set.kind} ${table} ${set.name} { ${body} }`;
}

export const addRule = (table: string, rule: NftRule): string =>
  `add rule ${table} ${rule.chain} ${rule.rule}${quoted(rule.comment)}`;

export function addElement(table: string, element: NftElement): string {
  const value = element.value === undefined ? '' : ` : ${element.value}`;
  return `add element ${table} ${element.set} { ${element.key.join(' . ')}${quoted(element.comment)}${value} }`;
}

/** The commands, one a line, in the order nft needs: table, chains, sets, rules, elements. */
export function nftCommands(rules: NftRules): string[] {
  const table = `${rules.family} kube-proxy`;
  const lines = [addTable(table)];
  for (const chain of rules.chains) lines.push(addChain(table, chain));
  for (const set of rules.sets) lines.push(addSet(table, set));
  for (const rule of rules.rules) lines.push(addRule(table, rule));
  for (const element of rules.elements) lines.push(addElement(table, element));
  return lines;
}

export function nftablesScript(rules: NftRules, config: ResolvedProxyConfig): string {
  const table = `${rules.family} kube-proxy`;
  return [
    '#!/usr/sbin/nft -f',
    `# kube-proxy rules (nftables mode, ${config.family}) for node ${config.node.name}. Load with: nft -f FILE`,
    // Adding before deleting makes the deletion work whether or not the table stands.
    `add table ${table}`,
    `delete table ${table}`,
    ...nftCommands(rules),
    '',
  ].join('\n');
}
