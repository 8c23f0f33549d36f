/**
 * What `nft list ruleset` prints of table kube-proxy, and what our generator writes, read into one form: nft spells marks,
 * ranges, priorities and translations in its own way, merges neighbouring ranges and sorts them.
 */
import { type IpFamily, ipToNumber, parseCidr } from '../../net/index.ts';
import type { NftRules } from '../nftables/rules.ts';
import { shorten } from './iptables-save.ts';
import { DumpError, type Item, placeOf, type RuleSet } from './rule-set.ts';

/** First and last address; undefined when the text is no address, CIDR or range. */
function interval(text: string): readonly [bigint, bigint] | undefined {
  const [from, to] = text.split('-');
  if (to !== undefined) {
    const low = ipToNumber(from!);
    const high = ipToNumber(to);
    return low === undefined || high === undefined ? undefined : [low, high];
  }
  const cidr = parseCidr(text);
  if (cidr) return [cidr.base, cidr.base + (1n << BigInt(cidr.bits - cidr.prefix)) - 1n];
  const one = ipToNumber(text);
  return one === undefined ? undefined : [one, one];
}

/** `{ 10.0.0.0/9, 10.128.0.0/9 }` as nft keeps it: one interval. Other sets stay as they are. */
function merged(body: string): string {
  const parts = body.split(',').map((part) => interval(part.trim()));
  if (parts.some((part) => part === undefined)) return body.trim().replaceAll(/\s*,\s*/g, ', ');
  const sorted = (parts as (readonly [bigint, bigint])[]).sort((a, b) => (a[0] < b[0] ? -1 : 1));
  const out: [bigint, bigint][] = [];
  for (const [low, high] of sorted) {
    const last = out.at(-1);
    if (last && low <= last[1] + 1n) last[1] = high > last[1] ? high : last[1];
    else out.push([low, high]);
  }
  return out.map(([low, high]) => `${low.toString(16)}-${high.toString(16)}`).join(', ');
}

/** One key for our spelling and nft's. */
export function nftRuleKey(rule: string): string {
  let comment = '';
  let text = rule.replace(/ comment ("[^"]*")/, (_, found: string) => {
    comment = ` comment ${found}`;
    return '';
  });
  text = text
    .replaceAll(/\bcounter packets \d+ bytes \d+ ?/g, '')
    .replaceAll(/(^| )(?:meta )?mark and (\S+) != 0(?= |$)/g, '$1meta mark & $2 != 0x0')
    .replaceAll(
      /(^| )mark set mark (or|xor) /g,
      (_, before: string, how: string) => `${before}meta mark set meta mark ${how === 'or' ? '|' : '^'} `,
    )
    .replaceAll(/\b0x0*([0-9a-f]+)\b/g, '0x$1')
    .replaceAll(/dnat (ip6?) addr \. port to/g, 'dnat $1 to')
    .replaceAll(/ reject with icmp(v6|x)? (type )?port-unreachable/g, ' reject')
    .replaceAll(/(iifname (?:!= )?)([^"\s]\S*)/g, '$1"$2"')
    .replaceAll(
      /(ip6? [sd]addr(?: !=)?) \{([^}:]*|[^}]*[0-9a-f]::?[^}]*)\}/g,
      (_, what: string, body: string) => `${what} ${merged(body)}`,
    )
    .replaceAll(
      /(ip6? [sd]addr(?: !=)?) ([0-9a-f.:]+\/\d+)/g,
      (_, what: string, body: string) => `${what} ${merged(body)}`,
    )
    .replaceAll(/\s*,\s*/g, ', ')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return text + comment;
}

function elementKey(text: string): string {
  let comment = '';
  const rest = text.replace(/ comment ("[^"]*")/, (_, found: string) => {
    comment = ` comment ${found}`;
    return '';
  });
  return rest.replace(/ (timeout|expires) \S+/g, '').trim() + comment;
}

/** The same form from what we generate. */
export function nftRuleSet(rules: NftRules): RuleSet {
  const set: RuleSet = new Map();
  for (const chain of rules.chains) placeOf(set, `chain ${chain.name}`, true);
  for (const { kind, name } of rules.sets) placeOf(set, `${kind} ${name}`, false);
  for (const { chain, rule, comment } of rules.rules) {
    const text = comment === undefined ? rule : `${rule} comment "${comment}"`;
    placeOf(set, `chain ${chain}`, true).items.push({ key: nftRuleKey(text), text });
  }
  const kinds = new Map(rules.sets.map(({ kind, name }) => [name, kind]));
  for (const { set: name, key, value, comment } of rules.elements) {
    const text = `${key.join(' . ')}${comment === undefined ? '' : ` comment "${comment}"`}${value === undefined ? '' : ` : ${value}`}`;
    placeOf(set, `${kinds.get(name)} ${name}`, false).items.push({ key: elementKey(text), text });
  }
  return set;
}

interface Reader {
  depth: number;
  table: 'ours' | 'other' | undefined;
  tableLine: number;
  place: string | undefined;
  /** Text of `elements = { …` so far. */
  elements: string | undefined;
}

const opening = /^(chain|set|map) (\S+) \{$/;

/** @throws DumpError with the line that does not fit; the table of the family must be there. */
export function readNftList(text: string, family: IpFamily): RuleSet {
  const set: RuleSet = new Map();
  const wanted = `table ${family === 'IPv4' ? 'ip' : 'ip6'} kube-proxy {`;
  const reader: Reader = { depth: 0, table: undefined, tableLine: 0, place: undefined, elements: undefined };
  let found = false;
  const lines = text.split('\n');
  lines.forEach((raw, i) => {
    const line = raw.replace(/ # handle \d+\s*$/, '').trim();
    if (line === '' || line.startsWith('#')) return;
    const at = i + 1;
    if (reader.depth === 0) {
      if (!/^table \S+ \S+ \{$/.test(line)) throw new DumpError(at, `"${shorten(line)}" is no table as nft lists it`);
      reader.table = line === wanted ? 'ours' : 'other';
      found ||= line === wanted;
      Object.assign(reader, { depth: 1, tableLine: at });
    } else if (reader.elements === undefined && line === '}') {
      reader.depth--;
      reader.place = undefined;
    } else if (reader.table === 'other') {
      // Of other tables only the braces count; sets written over several lines close on the line of their last element.
      if (line.endsWith('{')) reader.depth++;
    } else inTable(line, at, reader, set);
  });
  if (reader.depth !== 0) {
    throw new DumpError(lines.length, `the table of line ${reader.tableLine} is not closed: the dump ends too soon`);
  }
  if (!found) throw new DumpError(1, `there is no "${wanted.slice(0, -2)}" in it`);
  return set;
}

function inTable(line: string, at: number, reader: Reader, set: RuleSet): void {
  if (reader.depth === 1) {
    const head = opening.exec(line);
    if (head) {
      reader.place = `${head[1]} ${head[2]}`;
      placeOf(set, reader.place, head[1] === 'chain');
      reader.depth = 2;
    } else if (!/^(comment|flags) /.test(line)) {
      throw new DumpError(at, `"${shorten(line)}" is no chain, set or map as nft lists it`);
    }
    return;
  }
  const place = reader.place!;
  const { items } = set.get(place)!;
  if (place.startsWith('chain ')) {
    if (/^(type \S+ hook|policy |comment )/.test(line)) return;
    items.push({ key: nftRuleKey(line), text: line, line: at });
    return;
  }
  if (reader.elements === undefined && !line.startsWith('elements = {')) return;
  reader.elements = `${reader.elements ?? ''} ${line.replace(/^elements = \{/, '')}`;
  if (!line.endsWith('}')) return;
  const body = reader.elements.trim().replace(/\}$/, '');
  reader.elements = undefined;
  // Who was sent where is no rule: the entries of affinity sets come and go.
  if (place.startsWith('set affinity-')) return;
  for (const element of body.split(',')) items.push(elementItem(element.trim(), at));
}

const elementItem = (text: string, line: number): Item => ({ key: elementKey(text), text, line });
