/**
 * What `iptables-save` (or `ip6tables-save`, with `-c` or without, legacy or nft) prints, read back as tables of rules.
 * Format: iptables-save(8), iptables-restore(8).
 */
import type { Rule, RuleTable } from '../packet-rules.ts';
import { DumpError, dumpKind } from './dump-error.ts';

export interface SavedRule extends Rule {
  /** Where it stands in the dump, from one. */
  readonly line: number;
}

export interface SavedTable extends RuleTable {
  readonly rules: readonly SavedRule[];
  /** Of built-in chains: what becomes of a packet that no rule ends. */
  readonly policies: Readonly<Record<string, string>>;
}

const tableNames = ['raw', 'mangle', 'nat', 'filter', 'security'] as const;

interface OpenTable {
  name: RuleTable['name'];
  chains: string[];
  rules: SavedRule[];
  policies: Record<string, string>;
}

/** @throws DumpError with the line, for anything iptables-save does not print. */
export function parseIptablesSave(text: string): SavedTable[] {
  refuseOthers(text);
  const tables: OpenTable[] = [];
  let open: OpenTable | undefined;
  let known = new Set<string>();
  for (const [i, raw] of text.split('\n').entries()) {
    const line = i + 1;
    const words = raw.trim();
    if (words === '' || words.startsWith('#')) continue;
    if (words.startsWith('*')) {
      if (open) throw new DumpError(line, `table ${words.slice(1)} begins before table ${open.name} ended with COMMIT`);
      open = begin(words.slice(1), line, tables);
      known = new Set();
      continue;
    }
    if (!open) throw new DumpError(line, `"${shortened(words)}" stands in no table: a table begins with *NAME`);
    if (words === 'COMMIT') {
      tables.push(open);
      open = undefined;
    } else if (words.startsWith(':')) {
      const [name = '', policy = '-'] = words.slice(1).split(/\s+/);
      if (known.has(name)) throw new DumpError(line, `chain ${name} is declared twice`);
      known.add(name);
      open.chains.push(name);
      if (policy !== '-') open.policies[name] = policy;
    } else open.rules.push(rule(words, line, known, open.name));
  }
  if (open)
    throw new DumpError(text.split('\n').length, `table ${open.name} does not end with COMMIT: the dump is cut off`);
  return tables;
}

function refuseOthers(text: string): void {
  const kind = dumpKind(text);
  if (kind === 'iptables-save') return;
  const at = text.split('\n').findIndex((line) => line.trim() !== '' && !line.startsWith('#')) + 1;
  if (at === 0)
    throw new DumpError(1, 'there is no rule in it: iptables-save prints nothing without the right to read the tables');
  const first = text.split('\n')[at - 1]!;
  if (kind !== undefined) throw new DumpError(at, `this is the output of ${kindText[kind]}, not of iptables-save`);
  if (/^-[PNA] /.test(first)) {
    throw new DumpError(
      at,
      'this is the output of iptables -S, which does not say whose table it is: use iptables-save',
    );
  }
  throw new DumpError(at, `"${shortened(first)}" is nothing that iptables-save prints`);
}

const kindText = {
  'iptables-save': 'iptables-save',
  nft: 'nft list ruleset',
  'ipvsadm-save': 'ipvsadm-save',
  'ipset-save': 'ipset save',
} as const;

function begin(name: string, line: number, tables: readonly OpenTable[]): OpenTable {
  const known = tableNames.find((each) => each === name);
  if (!known) throw new DumpError(line, `table ${name} is not one of ${tableNames.join(', ')}`);
  if (tables.some((table) => table.name === known)) {
    throw new DumpError(line, `table ${name} comes a second time: give one dump, of one IP family and one backend`);
  }
  return { name: known, chains: [], rules: [], policies: {} };
}

function rule(text: string, line: number, chains: ReadonlySet<string>, table: string): SavedRule {
  // `-c` puts `[packets:bytes]` in front.
  const tokens = tokensOf(text.replace(/^\[\d+:\d+\]\s+/, ''), line);
  const [verb, chain] = tokens;
  if (verb?.text !== '-A' || chain === undefined) {
    throw new DumpError(line, `"${shortened(text)}" is no rule: rules begin with -A CHAIN`);
  }
  if (!chains.has(chain.text)) throw new DumpError(line, `table ${table} declares no chain ${chain.text}`);
  const words = tokens.slice(2);
  const at = words.findIndex(({ text: word, quoted }) => !quoted && (word === '-j' || word === '-g'));
  const plain = words.map((token) => token.text);
  return {
    chain: chain.text,
    match: at < 0 ? plain : plain.slice(0, at),
    target: at < 0 ? [] : plain.slice(at),
    line,
  };
}

interface Token {
  readonly text: string;
  readonly quoted: boolean;
}

/** Words as iptables-restore takes them apart: quotes hold blanks, a backslash inside them keeps the next character. */
function tokensOf(text: string, line: number): Token[] {
  const tokens: Token[] = [];
  let word = '';
  let begun = false;
  let inQuotes = false;
  let quoted = false;
  const end = () => {
    if (begun) tokens.push({ text: word, quoted });
    word = '';
    begun = false;
    quoted = false;
  };
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (inQuotes && char === '\\') word += text[++i] ?? '';
    else if (char === '"') {
      inQuotes = !inQuotes;
      begun = true;
      quoted = true;
    } else if (!inQuotes && (char === ' ' || char === '\t')) end();
    else {
      word += char;
      begun = true;
    }
  }
  if (inQuotes) throw new DumpError(line, 'a quotation mark is not closed: the line is cut off');
  end();
  return tokens;
}

const shortened = (text: string): string => (text.length > 60 ? `${text.slice(0, 57)}…` : text);
