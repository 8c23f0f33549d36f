/** The table as input of `nft -f`: one transaction that replaces what stood there. */
import type { ResolvedProxyConfig } from '../config.ts';
import type { NftRules } from './rules.ts';

const quoted = (text: string | undefined) => (text === undefined ? '' : ` comment "${text}"`);

/** The commands, one a line, in the order nft needs: table, chains, sets, rules, elements. */
export function nftCommands(rules: NftRules): string[] {
  const table = `${rules.family} kube-proxy`;
  const lines = [`add table ${table} { comment "rules for kube-proxy" ; }`];
  for (const chain of rules.chains) {
    const parts = [chain.base, chain.comment === undefined ? undefined : `comment "${chain.comment}"`].filter(Boolean);
    lines.push(
      `add chain ${table} ${chain.name}${parts.length > 0 ? ` { ${parts.map((part) => `${part} ;`).join(' ')} }` : ''}`,
    );
  }
  for (const set of rules.sets) {
    const parts = [`type ${set.type}`, set.extra, set.comment === undefined ? undefined : `comment "${set.comment}"`];
    lines.push(
      `add ${set.kind} ${table} ${set.name} { ${parts
        .filter(Boolean)
        .map((part) => `${part} ;`)
        .join(' ')} }`,
    );
  }
  for (const rule of rules.rules) lines.push(`add rule ${table} ${rule.chain} ${rule.rule}${quoted(rule.comment)}`);
  for (const element of rules.elements) {
    const value = element.value === undefined ? '' : ` : ${element.value}`;
    lines.push(`add element ${table} ${element.set} { ${element.key.join(' . ')}${quoted(element.comment)}${value} }`);
  }
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
