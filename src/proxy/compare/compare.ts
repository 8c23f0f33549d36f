/** The rules that should be, against those of another time or of a real node. */
import { comment, type IpFamily, type Jump, quoteToken } from '../../net/index.ts';
import type { ProxyConfig } from '../config.ts';
import { iptablesRules } from '../iptables/rules.ts';
import { restoreInput } from '../iptables/script.ts';
import { ipvsRules } from '../ipvs/rules.ts';
import { ipvsadmRestoreInput } from '../ipvs/script.ts';
import { type ProxyInput, type RuleMode, withModeDefaults } from '../modes.ts';
import { nftablesRules } from '../nftables/rules.ts';
import { servicePorts } from '../service-ports.ts';
import { userspaceRules } from '../userspace/rules.ts';
import { ipsetEntryKey, ipsetFamilies, readIpsetSave } from './ipset-save.ts';
import { readIptablesSave } from './iptables-save.ts';
import { readIpvsadmSave } from './ipvsadm-save.ts';
import { nftRuleSet, readNftList } from './nft-list.ts';
import { DumpError, placeOf, type RuleSet } from './rule-set.ts';

export type DumpKind = 'iptables-save' | 'nft list ruleset' | 'ipvsadm-save' | 'ipset save';

/** Whose output a text is, by its first line that says something. @throws DumpError when it is nobody's. */
export function dumpKind(text: string): DumpKind {
  const lines = text.split('\n');
  const first = lines.findIndex((line) => line.trim() !== '' && !line.startsWith('#'));
  const line = lines[first]?.trim();
  if (line === undefined) throw new DumpError(1, 'the dump is empty');
  if (line.startsWith('*')) return 'iptables-save';
  if (line.startsWith('table ')) return 'nft list ruleset';
  if (/^create \S+ \S+:/.test(line)) return 'ipset save';
  if (/^(-A|--add-service) (-t|-u|-f|--)/.test(line)) return 'ipvsadm-save';
  const hint = line.startsWith('{')
    ? ': it is JSON; list without -j'
    : line.startsWith('-A ') || line.startsWith(':')
      ? ': it stands outside any table; paste all that iptables-save printed'
      : /^(Name: |Chain |IP Virtual Server)/.test(line)
        ? `: it is ${line.startsWith('Chain') ? 'iptables -L; paste what iptables-save prints' : line.startsWith('Name') ? 'ipset list; paste what ipset save prints' : 'ipvsadm -L; paste what ipvsadm-save -n prints'}`
        : '';
  throw new DumpError(
    first + 1,
    `"${line.slice(0, 40)}" begins no output of iptables-save, nft list ruleset, ipvsadm-save -n or ipset save${hint}`,
  );
}

/** The family a dump is of: nft lists both, the others one. */
export function dumpFamilies(text: string, kind: DumpKind): IpFamily[] {
  if (kind === 'nft list ruleset') {
    const families: IpFamily[] = [];
    if (/^table ip kube-proxy \{/m.test(text)) families.push('IPv4');
    if (/^table ip6 kube-proxy \{/m.test(text)) families.push('IPv6');
    return families;
  }
  if (kind === 'ipset save') return ipsetFamilies(text);
  const six = kind === 'iptables-save' ? /(-s|-d) [0-9a-f]*:[0-9a-f:]*/.test(text) : /\[[0-9a-f:]+\]:\d/.test(text);
  return [six ? 'IPv6' : 'IPv4'];
}

function jumpLines(jumps: readonly Jump[], table: string): string {
  return jumps
    .filter((jump) => jump.table === table)
    .map(({ from, match, comment: text, to }) =>
      ['-A', from, ...[...match, ...(text === '' ? [] : comment(text)), '-j', to].map(quoteToken)].join(' '),
    )
    .reverse()
    .join('\n');
}

/** iptables' part. Jumps are put first one by one, so that a node shows them the other way round. */
function iptablesPart(rules: Parameters<typeof restoreInput>[0]): RuleSet {
  const tables = (['filter', 'nat'] as const).map((name) => `*${name}\n${jumpLines(rules.jumps, name)}\nCOMMIT\n`);
  return readIptablesSave(restoreInput(rules) + tables.join(''));
}

const bare = (set: RuleSet): RuleSet =>
  new Map(
    [...set].map(([name, place]) => [name, { ...place, items: place.items.map(({ key, text }) => ({ key, text })) }]),
  );

/** All that a mode keeps on a node, or (`part`) what one of its tools would print. */
export function expectedRules(mode: RuleMode, input: ProxyInput, config: ProxyConfig, part?: DumpKind): RuleSet {
  const resolved = withModeDefaults(mode, config);
  const ports = servicePorts(input.services, input.endpointSlices, config.family, config.node);
  if (mode === 'nftables') return nftRuleSet(nftablesRules(ports, resolved));
  if (mode === 'userspace') {
    const { jumps, lastJumps, ...tables } = userspaceRules(ports, resolved);
    return bare(iptablesPart({ ...tables, jumps: [...lastJumps, ...jumps] }));
  }
  if (mode === 'iptables') return bare(iptablesPart(iptablesRules(ports, resolved)));
  const rules = ipvsRules(ports, resolved);
  const out: RuleSet = new Map();
  if (part === undefined || part === 'ipvsadm-save') {
    for (const [name, place] of bare(readIpvsadmSave(ipvsadmRestoreInput(rules)))) out.set(name, place);
  }
  if (part === undefined || part === 'iptables-save')
    for (const [name, place] of bare(iptablesPart(rules))) out.set(name, place);
  if (part === undefined || part === 'ipset save') {
    for (const { name, entries } of rules.sets) {
      const place = placeOf(out, `ipset ${name}`, false);
      for (const entry of entries) place.items.push({ key: ipsetEntryKey(entry), text: `add ${name} ${entry}` });
    }
  }
  return out;
}

/** @throws DumpError with the line that does not fit. */
export function readDump(text: string, kind: DumpKind, family: IpFamily): RuleSet {
  if (kind === 'iptables-save') return readIptablesSave(text);
  if (kind === 'ipset save') return readIpsetSave(text, family);
  return kind === 'ipvsadm-save' ? readIpvsadmSave(text) : readNftList(text, family);
}

/** Modes whose rules a tool prints. */
export const modesOf: Readonly<Record<DumpKind, readonly RuleMode[]>> = {
  'iptables-save': ['iptables', 'ipvs', 'userspace'],
  'nft list ruleset': ['nftables'],
  'ipvsadm-save': ['ipvs'],
  'ipset save': ['ipvs'],
};
