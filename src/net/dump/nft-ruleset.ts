/**
 * What `nft list ruleset` (or `nft list table …`, with `-a` or without) prints, read back as tables of chains, sets and
 * rules. Rules keep nft's words: the walk and the comparison read those. Grammar: nft(8).
 */
import { DumpError, dumpKind } from './dump-error.ts';

export type NftFamily = 'ip' | 'ip6' | 'inet' | 'arp' | 'bridge' | 'netdev';

export interface ListedChain {
  readonly name: string;
  /** `type nat hook prerouting priority -100`, for base chains; the priority is a number. */
  readonly base?: string;
  /** Of base chains: `accept` or `drop`. */
  readonly policy?: string;
  readonly comment?: string;
}

export interface ListedSet {
  readonly kind: 'set' | 'map';
  readonly name: string;
  readonly type: string;
  readonly comment?: string;
  /** `dynamic`, `timeout`, `interval`, … */
  readonly flags: readonly string[];
}

export interface ListedRule {
  readonly chain: string;
  /** Without its comment and handle. */
  readonly rule: string;
  readonly comment?: string;
  /** Where it begins in the dump, from one. */
  readonly line: number;
}

export interface ListedElement {
  readonly set: string;
  /** The parts of a concatenation. */
  readonly key: readonly string[];
  readonly comment?: string;
  /** Verdict or value, for maps. */
  readonly value?: string;
}

export interface ListedTable {
  readonly family: NftFamily;
  readonly name: string;
  readonly chains: readonly ListedChain[];
  readonly sets: readonly ListedSet[];
  readonly rules: readonly ListedRule[];
  readonly elements: readonly ListedElement[];
}

interface Statement {
  readonly text: string;
  readonly line: number;
}

interface OpenTable {
  family: NftFamily;
  name: string;
  chains: ListedChain[];
  sets: ListedSet[];
  rules: ListedRule[];
  elements: ListedElement[];
}

/** Names of priorities, in the families that route packets. Upstream: nftables src/rule.c std_prios. */
const priorities: Readonly<Record<string, number>> = {
  raw: -300,
  mangle: -150,
  dstnat: -100,
  filter: 0,
  security: 50,
  srcnat: 100,
};

/** @throws DumpError with the line, for anything nft does not list. */
export function parseNftRuleset(text: string): ListedTable[] {
  refuseOthers(text);
  const statements = new Statements(text);
  const tables: OpenTable[] = [];
  for (let head = statements.next(); head; head = statements.next()) {
    const found = /^table (\w+) (\S+) \{$/.exec(head.text);
    if (!found) throw new DumpError(head.line, `"${shortened(head.text)}" stands in no table`);
    tables.push(table(found[1] as NftFamily, found[2]!, statements, head.line));
  }
  return tables;
}

function refuseOthers(text: string): void {
  const kind = dumpKind(text);
  if (kind === 'nft') return;
  const at = text.split('\n').findIndex((line) => line.trim() !== '' && !line.startsWith('#')) + 1;
  if (at === 0)
    throw new DumpError(1, 'there is no table in it: nft lists nothing without the right to read the rules');
  if (kind !== undefined) {
    const writer = kind === 'ipset-save' ? 'ipset save' : kind;
    throw new DumpError(at, `this is the output of ${writer}, not of nft list ruleset`);
  }
  const first = text.split('\n')[at - 1]!;
  if (first.startsWith('{')) throw new DumpError(at, 'this is the output of nft -j: list the ruleset without -j');
  throw new DumpError(at, `"${shortened(first)}" is nothing that nft list ruleset prints`);
}

function table(family: NftFamily, name: string, statements: Statements, begun: number): OpenTable {
  const out: OpenTable = { family, name, chains: [], sets: [], rules: [], elements: [] };
  for (let next = statements.next(); next; next = statements.next()) {
    const { text, line } = next;
    if (text === '}') return out;
    const block = /^(\w+(?: \w+)?) (\S+) \{$/.exec(text);
    if (!block) {
      // `comment "…"`, `flags …` of the table itself.
      if (/^(comment|flags) /.test(text)) continue;
      throw new DumpError(line, `"${shortened(text)}" is nothing that stands in a table`);
    }
    const [, kind, name = ''] = block;
    if (kind === 'chain') chain(out, name, statements, line);
    else if (kind === 'set' || kind === 'map') set(out, kind, name, statements, line);
    // Counters, quotas, limits, helpers, flow tables: rules name them, they decide nothing here.
    else skip(statements, line);
  }
  throw new DumpError(begun, `table ${family} ${name} is not closed: the dump is cut off`);
}

function chain(out: OpenTable, name: string, statements: Statements, begun: number): void {
  let made: ListedChain = { name };
  for (let next = statements.next(); next; next = statements.next()) {
    const { text, line } = next;
    if (text === '}') {
      out.chains.push(made);
      return;
    }
    if (text.startsWith('type ')) {
      const policy = /policy (\w+)/.exec(text)?.[1];
      made = { ...made, base: base(text, line), ...(policy === undefined ? {} : { policy }) };
      continue;
    }
    const own = /^comment "(.*)"$/.exec(text);
    if (own) {
      made = { ...made, comment: own[1]! };
      continue;
    }
    const comment = / comment "([^"]*)"$/.exec(text);
    const rule = comment ? text.slice(0, comment.index) : text;
    out.rules.push({ chain: name, rule, ...(comment ? { comment: comment[1]! } : {}), line });
  }
  throw new DumpError(begun, `chain ${name} is not closed: the dump is cut off`);
}

/** `type nat hook prerouting priority dstnat - 10; policy accept;` */
function base(text: string, line: number): string {
  const found = /^type (\w+) hook (\w+)(?: device "[^"]*")? priority ([^;]+);/.exec(text);
  if (!found) throw new DumpError(line, `"${shortened(text)}" names no hook and priority`);
  const [, type, hook, priority = ''] = found;
  const parts = /^(-?\d+|[a-z]+)(?: ([+-]) (\d+))?$/.exec(priority.trim());
  const from = parts && (priorities[parts[1]!] ?? Number(parts[1]));
  if (!parts || from === null || Number.isNaN(from)) throw new DumpError(line, `priority "${priority}" is not known`);
  const more = parts[3] === undefined ? 0 : Number(`${parts[2]}${parts[3]}`);
  return `type ${type} hook ${hook} priority ${from! + more}`;
}

function set(out: OpenTable, kind: 'set' | 'map', name: string, statements: Statements, begun: number): void {
  let type = '';
  let comment: string | undefined;
  let flags: readonly string[] = [];
  for (let next = statements.next(); next; next = statements.next()) {
    const { text } = next;
    if (text === '}') {
      out.sets.push({ kind, name, type, flags, ...(comment === undefined ? {} : { comment }) });
      return;
    }
    if (text.startsWith('type ') || text.startsWith('typeof ')) type = text.slice(text.indexOf(' ') + 1);
    else if (text.startsWith('flags ')) flags = text.slice(6).split(',');
    else if (text.startsWith('comment ')) comment = text.slice(9, -1);
    else if (text.startsWith('elements = {')) {
      for (const each of splitElements(text.slice(12, -1))) out.elements.push(element(name, each));
    }
  }
  throw new DumpError(begun, `${kind} ${name} is not closed: the dump is cut off`);
}

/** At commas outside of quotation marks. */
function splitElements(text: string): string[] {
  const parts = text.match(/(?:[^,"]|"[^"]*")+/g) ?? [];
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

/** `10.0.0.1 . tcp . 80 timeout 1h expires 59m comment "ns/svc" : goto service-…` */
function element(set: string, text: string): ListedElement {
  const [, left = '', value] = /^((?:[^"]|"[^"]*")*?)(?: : (.*))?$/s.exec(text)!;
  const comment = / comment "([^"]*)"/.exec(left)?.[1];
  const key = left.replaceAll(/ (?:comment "[^"]*"|timeout \S+|expires \S+|counter packets \d+ bytes \d+)/g, '');
  return {
    set,
    key: key.split(' . ').map((part) => part.trim()),
    ...(comment === undefined ? {} : { comment }),
    ...(value === undefined ? {} : { value: value.trim() }),
  };
}

function skip(statements: Statements, begun: number): void {
  for (let next = statements.next(); next; next = statements.next()) if (next.text === '}') return;
  throw new DumpError(begun, 'this block is not closed: the dump is cut off');
}

/** Lines of a listing; one that opens more braces than it closes goes on, unless it begins a block. */
class Statements {
  readonly #lines: readonly string[];
  #at = 0;

  constructor(text: string) {
    this.#lines = text.split('\n');
  }

  next(): Statement | undefined {
    while (this.#at < this.#lines.length) {
      const line = this.#at + 1;
      let text = clean(this.#lines[this.#at++]!);
      if (text === '' || text.startsWith('#')) continue;
      if (/^[\w ]+ \S+ \{$/.test(text)) return { text, line };
      while (open(text) > 0) {
        if (this.#at >= this.#lines.length) throw new DumpError(line, 'a brace is not closed: the dump is cut off');
        text += ` ${clean(this.#lines[this.#at++]!)}`;
      }
      return { text, line };
    }
    return undefined;
  }
}

/** Without the handle that `nft -a` adds, and without doubled blanks outside of quotation marks. */
function clean(line: string): string {
  const text = line.trim().replace(/ # handle \d+$/, '');
  return text.includes('  ') ? text.replaceAll(/("[^"]*")| {2,}/g, (_all, quoted?: string) => quoted ?? ' ') : text;
}

function open(text: string): number {
  let depth = 0;
  let quoted = false;
  for (const char of text) {
    if (char === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (char === '{') depth++;
    else if (char === '}') depth--;
  }
  return depth;
}

const shortened = (text: string): string => (text.length > 60 ? `${text.slice(0, 57)}…` : text);
