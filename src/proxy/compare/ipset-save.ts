/** What `ipset save` prints: kube-proxy's sets with their entries. */
import { canonicalIp, type IpFamily, isIp, parseCidr } from '../../net/index.ts';
import { shorten } from './iptables-save.ts';
import { DumpError, placeOf, type RuleSet } from './rule-set.ts';

const setOf = (family: IpFamily) => (family === 'IPv6' ? /^KUBE-6-/ : /^KUBE-(?!6-)/);

/** Which families' sets are there; a dump without sets of kube-proxy counts as IPv4. */
export function ipsetFamilies(text: string): IpFamily[] {
  const has = (family: IpFamily) =>
    text.split('\n').some((line) => line.startsWith('create ') && setOf(family).test(line.slice('create '.length)));
  const families = (['IPv4', 'IPv6'] as const).filter(has);
  return families.length === 0 ? ['IPv4'] : families;
}

/** One spelling: addresses in their canonical form, whole-address ranges without a prefix, `TCP:80` as `tcp:80`. */
export function ipsetEntryKey(entry: string): string {
  const part = (text: string) => {
    const range = text.includes('/') ? parseCidr(text) : undefined;
    if (range && range.prefix === (range.family === 'IPv4' ? 32 : 128)) return canonicalIp(text.split('/')[0]!);
    return isIp(text) ? canonicalIp(text) : text.toLowerCase();
  };
  return entry.split(',').map(part).join(',');
}

/** @throws DumpError with the line that does not fit. */
export function readIpsetSave(text: string, family: IpFamily): RuleSet {
  const set: RuleSet = new Map();
  const ours = setOf(family);
  const declared = new Set<string>();
  text.split('\n').forEach((raw, i) => {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) return;
    const [verb, name, entry] = line.split(/\s+/);
    if ((verb !== 'create' && verb !== 'add') || name === undefined || entry === undefined) {
      throw new DumpError(i + 1, `"${shorten(line)}" is no line of ipset save`);
    }
    if (verb === 'create') declared.add(name);
    else if (!declared.has(name)) {
      throw new DumpError(i + 1, `"${shorten(line)}" adds to a set that no line before creates: is this all of it?`);
    }
    if (!ours.test(name)) return;
    const place = placeOf(set, `ipset ${name}`, false);
    if (verb === 'add') place.items.push({ key: ipsetEntryKey(entry), text: line, line: i + 1 });
  });
  return set;
}
