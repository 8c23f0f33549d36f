/** What the plugin's own POSTROUTING rules make of a new connection: the few matches that those rules use. */
import { cidrContains, parseCidr } from '../addresses.ts';
import { type Rule, ruleText } from '../packet-rules.ts';
import type { NodeNetwork } from './types.ts';

/** The rule that masquerades it, as iptables-save prints it; undefined when the packet keeps its source. */
export function masqueradedBy(node: NodeNetwork, source: string, destination: string): string | undefined {
  const rules = node.rules.filter(({ name }) => name === 'nat').flatMap((table) => table.rules);
  const walk = (chain: string): Rule | 'accepted' | undefined => {
    for (const rule of rules) {
      if (rule.chain !== chain || !matches(rule, source, destination)) continue;
      const target = rule.target[1]!;
      if (target === 'RETURN') return undefined;
      if (target === 'ACCEPT') return 'accepted';
      if (target === 'MASQUERADE') return rule;
      const found = walk(target);
      if (found) return found;
    }
    return undefined;
  };
  const found = walk('POSTROUTING');
  return found === undefined || found === 'accepted' ? undefined : ruleText(found);
}

function matches({ match }: Rule, source: string, destination: string): boolean {
  for (let i = 0; i < match.length; i++) {
    const token = match[i]!;
    // Marked by kube-proxy: not what is asked for here.
    if (token === '--mark') return false;
    if (token !== '-s' && token !== '-d') continue;
    const cidr = parseCidr(match[i + 1]!.includes('/') ? match[i + 1]! : `${match[i + 1]}/32`)!;
    const inside = cidrContains(cidr, token === '-s' ? source : destination);
    if (inside === (match[i - 1] === '!')) return false;
  }
  return true;
}
