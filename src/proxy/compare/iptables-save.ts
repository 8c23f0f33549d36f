/**
 * What iptables-save prints, and what iptables-restore is fed, read into one form. Both spellings of a rule give one key:
 * options sorted, marks in short hex, addresses with their prefix, defaults of the tools left out.
 */
import { canonicalIp } from '../../net/index.ts';
import { splitWords } from '../explain/iptables-rule.ts';
import { DumpError, placeOf, type RuleSet } from './rule-set.ts';

const bare = new Set(['--set', '--rcheck', '--update', '--reap', '--random-fully', '--physdev-is-in', '--rsource']);

const hex = (text: string) => {
  try {
    return `0x${BigInt(text).toString(16)}`;
  } catch {
    return text;
  }
};
const masked = (text: string, mask = '0xffffffff') => {
  const [value, given = mask] = text.split('/');
  return `${hex(value!)}/${hex(given)}`;
};
const address = (text: string) => {
  const [ip, prefix] = text.split('/');
  return `${canonicalIp(ip!)}/${prefix ?? (ip!.includes(':') ? 128 : 32)}`;
};

/** Options by their canonical name and value; undefined for one that says nothing. */
function canonical(option: string, value: string): readonly [string, string] | undefined {
  switch (option) {
    case '-s':
    case '--source':
      return ['-s', address(value)];
    case '-d':
    case '--destination':
      return ['-d', address(value)];
    case '--mark':
      return ['--mark', masked(value)];
    case '--xor-mark':
      return ['--set-xmark', `${hex(value)}/0x0`];
    case '--or-mark':
      return ['--set-xmark', `${hex(value)}/${hex(value)}`];
    case '--set-xmark':
      return ['--set-xmark', masked(value)];
    case '--probability':
      // The kernel keeps 31 bits of it.
      return ['--probability', Number(value).toFixed(6)];
    case '--ctstate':
      return ['--ctstate', value.split(',').sort().join(',')];
    case '--reject-with':
      return /^icmp6?-port-unreachable$/.test(value) ? undefined : ['--reject-with', value];
    case '--mask':
    case '--rsource':
    case '-c':
      return undefined;
    case '--to-destination':
      return ['--to-destination', value];
    default:
      return [option, value];
  }
}

/** One key for all spellings of a rule. `words` are those behind `-A CHAIN`. */
export function iptablesRuleKey(words: readonly string[]): string {
  const parts: string[] = [];
  let not = '';
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === '!') {
      not = '! ';
      continue;
    }
    if (word === '-m') i++;
    else if (word === '--match-set') {
      parts.push(`${not}--match-set ${words[i + 1]} ${words[i + 2]}`);
      i += 2;
    } else if (word === '-c') i += 2;
    else {
      const found = canonical(word, bare.has(word) ? '' : (words[++i] ?? ''));
      if (found) parts.push(`${not}${found[0]} ${found[1]}`);
    }
    not = '';
  }
  return parts.sort().join('  ');
}

const builtIn = /^(INPUT|FORWARD|OUTPUT|PREROUTING|POSTROUTING)$/;
/** Chains of the kubelet, and those by which both see whether somebody flushed the tables. */
const notTheProxys = /^KUBE-(PROXY-CANARY|KUBELET-CANARY|IPTABLES-HINT|MARK-DROP)$/;
const ours = (chain: string) => chain.startsWith('KUBE-') && !notTheProxys.test(chain);

/**
 * kube-proxy's part of a dump: its chains, and the jumps to them from the built-in ones.
 * @throws DumpError with the line that does not fit.
 */
export function readIptablesSave(text: string): RuleSet {
  const set: RuleSet = new Map();
  let table: string | undefined;
  let last = 0;
  text.split('\n').forEach((raw, i) => {
    const line = raw.trim();
    const at = i + 1;
    if (line === '' || line.startsWith('#')) return;
    last = at;
    if (line.startsWith('*')) {
      if (table !== undefined) throw new DumpError(at, `table ${table} has no COMMIT before the next one`);
      table = line.slice(1);
    } else if (table === undefined) {
      throw new DumpError(at, `"${shorten(line)}" stands outside any table: is this all that iptables-save printed?`);
    } else if (line === 'COMMIT') {
      table = undefined;
    } else if (line.startsWith(':')) {
      const found = /^:(\S+) (\S+)( \[\d+:\d+\])?$/.exec(line);
      if (!found) throw new DumpError(at, `"${shorten(line)}" is no chain as iptables-save prints it`);
      if (ours(found[1]!)) placeOf(set, `${table} ${found[1]}`, true);
    } else {
      const words = splitWords(line.replace(/^\[\d+:\d+\] /, ''));
      if (words[0] !== '-A' || words.length < 2) {
        throw new DumpError(at, `"${shorten(line)}" is no line of iptables-save`);
      }
      const chain = words[1]!;
      const rule = words.slice(2);
      const target = rule[rule.indexOf('-j') + 1] ?? '';
      if (!ours(chain) && !(builtIn.test(chain) && rule.includes('-j') && ours(target))) return;
      placeOf(set, `${table} ${chain}`, true).items.push({ key: iptablesRuleKey(rule), text: line, line: at });
    }
  });
  if (table !== undefined) throw new DumpError(last, `table ${table} has no COMMIT: the dump ends too soon`);
  return set;
}

export const shorten = (line: string): string => (line.length > 60 ? `${line.slice(0, 57)}...` : line);
