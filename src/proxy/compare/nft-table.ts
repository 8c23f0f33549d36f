/** A table of nftables rules in the form that is compared: one that we generate, or one that nft lists. */
import type { ListedTable, PolicyTable } from '../../net/index.ts';
import { nftRuleKey } from './nft-list.ts';
import { placeOf, type RuleSet } from './rule-set.ts';

export function nftTableRuleSet(table: PolicyTable | ListedTable): RuleSet {
  const out: RuleSet = new Map();
  for (const { name } of table.chains) placeOf(out, `chain ${name}`, true);
  const kinds = new Map(table.sets.map(({ kind, name }) => [name, kind]));
  for (const [name, kind] of kinds) placeOf(out, `${kind} ${name}`, false);
  for (const rule of table.rules) {
    const text = `${rule.rule}${quoted(rule.comment)}`;
    // What a counter has counted is no difference.
    const key = nftRuleKey(text.replace(/\bcounter (packets \d+ bytes \d+ )?/, ''));
    const line = 'line' in rule ? { line: rule.line } : {};
    placeOf(out, `chain ${rule.chain}`, true).items.push({ key, text, ...line });
  }
  for (const { set, key, value, comment } of table.elements) {
    const to = value === undefined ? '' : ` : ${value}`;
    const parts = key.join(' . ');
    placeOf(out, `${kinds.get(set)} ${set}`, false).items.push({
      key: `${parts}${to}`,
      text: `${parts}${quoted(comment)}${to}`,
    });
  }
  return out;
}

const quoted = (comment: string | undefined): string => (comment === undefined ? '' : ` comment "${comment}"`);
