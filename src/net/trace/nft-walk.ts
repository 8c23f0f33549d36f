/**
 * One nftables table as the kernel walks it: base chains at their hooks in order of priority, jumps, gotos, sets and maps.
 * Semantics: nft(8). A verdict `accept` ends a base chain, not the hook; `drop` ends the packet.
 */
import { familyOf, joinHostPort } from '../addresses.ts';
import type { NftFamily } from '../dump/nft-ruleset.ts';
import {
  atLine,
  type Branch,
  type Step,
  type TracedPacket,
  TraceError,
  type Translation,
  toldChainLength,
  withStep,
} from './branch.ts';
import { inRange, sameInterface } from './iptables-match.ts';
import { hostPort } from './iptables-walk.ts';
import {
  type NftExpression,
  type NftSelector,
  type NftStatement,
  type NftVerdict,
  parseNftRule,
  verdictText,
} from './nft-parse.ts';

/** A table as data; kube-proxy's generator and whoever reads a real one give it. */
export interface NftTable {
  /** Packets of other families do not meet it; inet is for both. */
  readonly family: NftFamily;
  readonly chains: readonly { readonly name: string; readonly base?: string; readonly policy?: string }[];
  readonly rules: readonly {
    readonly chain: string;
    readonly rule: string;
    readonly comment?: string;
    /** Where it stands in a dump. */
    readonly line?: number;
  }[];
  readonly elements: readonly { readonly set: string; readonly key: readonly string[]; readonly value?: string }[];
}

export interface NftWorld {
  isLocal(ip: string): boolean;
  /** Whether a dynamic set (client affinity) remembers the source. */
  remembers(set: string, source: string): boolean;
  masqueradeAddress(destination: string): string;
}

interface ReadRule {
  readonly text: string;
  readonly line: number | undefined;
  /** Parsed when it is first met: of thousands of rules a packet meets a dozen. */
  statements?: readonly NftStatement[];
}

interface ReadTable {
  readonly family: NftFamily;
  readonly chains: Map<string, ReadRule[]>;
  readonly sets: Map<string, ReadSet>;
}

interface ReadSet {
  readonly exact: Map<string, string | undefined>;
  /** Elements with a range or a network in them, which only a search finds. */
  readonly ranges: { readonly key: readonly string[]; readonly value: string | undefined }[];
}

interface BaseChain {
  readonly table: ReadTable;
  readonly drops: boolean;
  readonly name: string;
  readonly type: string;
  readonly priority: number;
}

interface Left {
  readonly returned: readonly Branch[];
  readonly ended: readonly Branch[];
}

export class NftWalk {
  readonly #base = new Map<string, BaseChain[]>();
  readonly #world: NftWorld;
  /** Rules and elements. */
  readonly size: number;

  constructor(tables: NftTable | readonly NftTable[], world: NftWorld) {
    this.#world = world;
    let size = 0;
    for (const table of [tables].flat() as NftTable[]) {
      if (!['ip', 'ip6', 'inet'].includes(table.family)) continue;
      this.#read(table);
      size += table.rules.length + table.elements.length;
    }
    this.size = size;
  }

  #read(table: NftTable): void {
    const made: ReadTable = { family: table.family, chains: new Map(), sets: new Map() };
    for (const { name, base, policy } of table.chains) {
      made.chains.set(name, []);
      const found = base === undefined ? undefined : /^type (\w+) hook (\w+) priority (-?\d+)/.exec(base);
      if (!found) continue;
      const [, type = '', hook = '', priority = '0'] = found;
      const chains = this.#base.get(hook) ?? [];
      chains.push({ table: made, name, type, priority: Number(priority), drops: policy === 'drop' });
      this.#base.set(
        hook,
        chains.sort((a, b) => a.priority - b.priority),
      );
    }
    for (const { chain, rule, line } of table.rules) {
      const rules = made.chains.get(chain);
      if (!rules) throw new TraceError(`rule "${rule}" stands in chain ${chain}, which is not there`);
      rules.push({ text: rule, line });
    }
    for (const { set, key, value } of table.elements) {
      const elements = made.sets.get(set) ?? { exact: new Map<string, string | undefined>(), ranges: [] };
      made.sets.set(set, elements);
      if (key.some((part) => part.includes('/') || /^[\d.:a-f]+-[\d.:a-f]+$/.test(part)))
        elements.ranges.push({ key, value });
      else elements.exact.set(key.join(' . '), value);
    }
  }

  /** All base chains at a hook, in order of priority. */
  run(branches: readonly Branch[], hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting'): Branch[] {
    let here = [...branches];
    for (const { table, name, type, drops } of this.#base.get(hook) ?? []) {
      here = here.flatMap((branch) => {
        if (branch.verdict !== undefined || (type === 'nat' && branch.packet.state !== 'NEW')) return [branch];
        if (table.family !== 'inet' && table.family !== familyWord(branch.packet)) return [branch];
        const place = { table, hook: hook.toUpperCase(), type };
        const { returned, ended } = this.#walk(branch, place, name, 0);
        if (!drops) return [...returned, ...ended];
        const why = 'no rule ended it, and the policy of the chain is to drop';
        const step = { hook: place.hook, table: type, chain: name, rule: 'policy drop', matched: true, why };
        return [...returned.map((each) => withStep(each, step, { verdict: 'drop' })), ...ended];
      });
    }
    return here;
  }

  #walk(start: Branch, place: Place, name: string, depth: number): Left {
    const rules = place.table.chains.get(name);
    if (!rules) throw new TraceError(`a rule goes to chain ${name}, which is not there`);
    if (depth > 16) throw new TraceError(`chain ${name} comes back to itself`);
    const told = rules.length <= toldChainLength;
    const out = { returned: [] as Branch[], ended: [] as Branch[] };
    let here: Branch[] = [start];
    for (const rule of rules) {
      if (here.length === 0) break;
      const next: Branch[] = [];
      for (const branch of here) {
        const at = { ...place, chain: name, depth, told };
        atLine(rule.line, () => this.#rule(rule, { ...branch, tried: branch.tried + 1 }, at, { ...out, next }));
      }
      here = next;
    }
    return { returned: [...out.returned, ...here], ended: out.ended };
  }

  #rule(
    rule: ReadRule,
    branch: Branch,
    at: Place & { chain: string; depth: number; told: boolean },
    out: { next: Branch[]; returned: Branch[]; ended: Branch[] },
  ): void {
    rule.statements ??= parseNftRule(rule.text);
    const step = (matched: boolean, why: string, more: Partial<Step> = {}): Step => ({
      hook: at.hook,
      table: at.type,
      chain: at.chain,
      rule: rule.text,
      matched,
      why,
      ...more,
    });
    let here = branch;
    const notes: string[] = [];
    for (const statement of rule.statements) {
      const { packet } = here;
      switch (statement.kind) {
        case 'match': {
          const why = this.#mismatch(statement, packet, at.table);
          if (why === undefined) continue;
          out.next.push(at.told ? withStep(here, step(false, why)) : here);
          return;
        }
        case 'vmap': {
          const key = keyOf(statement.on, packet, this.#world);
          const verdict = statement.entries
            ? statement.entries.get(key)
            : readVerdict(lookUp(at.table, statement.map!, key)?.value, rule.text);
          if (verdict) this.#verdict(verdict, here, step(true, `found: ${key} : ${textOf(verdict)}`), at, out);
          else out.next.push(at.told ? withStep(here, step(false, `${key} is not in it`)) : here);
          return;
        }
        case 'dice':
          for (const verdict of statement.verdicts) {
            const odds = 1 / statement.verdicts.length;
            const branch = { ...here, odds: here.odds * odds };
            this.#verdict(verdict, branch, step(true, textOf(verdict), { odds }), at, out);
          }
          return;
        case 'mark': {
          const mark = markOf(statement, packet.mark);
          notes.push(mark > packet.mark ? 'marked, to be masqueraded at the end' : 'the mark has served');
          here = { ...here, packet: { ...packet, mark } };
          continue;
        }
        case 'count':
          continue;
        case 'update':
          notes.push('the client is remembered');
          continue;
        case 'masquerade':
        case 'snat': {
          const source =
            statement.kind === 'snat'
              ? hostPort(statement.to, 0).ip
              : this.#world.masqueradeAddress(packet.destination);
          const translation: Translation = { kind: 'SNAT', from: packet.source, to: source };
          const told = step(true, `the source becomes ${source}, so the answer comes back here`, { translation });
          out.ended.push(withStep(here, told, { packet: { ...packet, source } }));
          return;
        }
        case 'dnat':
          for (const to of statement.to) {
            const odds = 1 / statement.to.length;
            const { ip, port } = hostPort(to, packet.destinationPort);
            const from = joinHostPort(packet.destination, packet.destinationPort);
            const address = joinHostPort(ip, port);
            const told = step(true, `the destination becomes ${address}`, {
              translation: { kind: 'DNAT', from, to: address },
              ...(statement.to.length > 1 ? { odds } : {}),
            });
            const changed = { ...packet, destination: ip, destinationPort: port, translated: true };
            out.ended.push(withStep(here, told, { packet: changed, odds: here.odds * odds }));
          }
          return;
        case 'verdict':
          this.#verdict(statement.verdict, here, step(true, [...notes, leads(statement.verdict)].join('; ')), at, out);
          return;
      }
    }
    out.next.push(withStep(here, step(true, notes.join('; ') || 'it only counts')));
  }

  #verdict(
    verdict: NftVerdict,
    branch: Branch,
    step: Step,
    at: Place & { depth: number },
    out: { next: Branch[]; returned: Branch[]; ended: Branch[] },
  ): void {
    switch (verdict.kind) {
      case 'accept':
        out.ended.push(withStep(branch, step));
        return;
      case 'drop':
        out.ended.push(withStep(branch, { ...step, why: 'dropped: the sender hears nothing' }, { verdict: 'drop' }));
        return;
      case 'reject':
        out.ended.push(
          withStep(branch, { ...step, why: 'rejected: the sender is told at once' }, { verdict: 'reject' }),
        );
        return;
      case 'return':
        out.returned.push(withStep(branch, { ...step, moves: 'return' }));
        return;
      case 'continue':
        out.next.push(withStep(branch, step));
        return;
      case 'jump':
      case 'goto': {
        const inside = this.#walk(withStep(branch, { ...step, moves: 'jump' }), at, verdict.chain, at.depth + 1);
        out.ended.push(...inside.ended);
        // A goto forgets where it came from: its end is the end of this chain too.
        (verdict.kind === 'jump' ? out.next : out.returned).push(...inside.returned);
      }
    }
  }

  /** Why a match does not hold; undefined when it does. */
  #mismatch(statement: NftStatement & { kind: 'match' }, packet: TracedPacket, table: ReadTable): string | undefined {
    const { on, inverted, set, values } = statement;
    if (on.family !== undefined && on.family !== familyWord(packet)) return `it is no ${on.family} packet`;
    if (on.protocol !== undefined && on.protocol !== packet.protocol) return `it is ${packet.protocol}`;
    const key = keyOf(on, packet, this.#world);
    const holds =
      set === undefined
        ? values!.some((value) => equals(on.selectors, value, key, packet))
        : lookUp(table, set, key) !== undefined || this.#world.remembers(set, key);
    if (holds !== inverted) return undefined;
    const what = on.selectors.join(' . ');
    if (set === undefined && !inverted) return `${what} is ${key}, not ${values!.join(', ')}`;
    return `${what} is ${key}, which is ${holds ? 'in' : 'not in'} ${set === undefined ? values!.join(', ') : `set ${set}`}`;
  }
}

interface Place {
  readonly table: ReadTable;
  readonly hook: string;
  /** `filter`, `nat`: what iptables calls a table. */
  readonly type: string;
}

const familyWord = ({ source }: TracedPacket): 'ip' | 'ip6' => (source.includes(':') ? 'ip6' : 'ip');

/** An element of a set or map; in those of ranges by search, as few have many. */
function lookUp({ sets }: ReadTable, name: string, key: string): { readonly value: string | undefined } | undefined {
  const set = sets.get(name);
  if (!set) return undefined;
  if (set.exact.has(key)) return { value: set.exact.get(key) };
  if (set.ranges.length === 0) return undefined;
  const parts = key.split(' . ');
  return set.ranges.find(({ key: ranges }) => ranges.every((range, i) => holds(range, parts[i] ?? '')));
}

function holds(range: string, value: string): boolean {
  if (range === value) return true;
  if (familyOf(value) !== undefined) return inRange(range, value);
  const [low, high] = range.split('-').map(Number);
  return high !== undefined && Number(value) >= low! && Number(value) <= high;
}

function equals(selectors: readonly NftSelector[], value: string, key: string, packet: TracedPacket): boolean {
  const [selector] = selectors;
  switch (selectors.length === 1 ? selector : undefined) {
    case 'saddr':
    case 'daddr':
      return inRange(value, key);
    case 'ct state':
      return packet.state.toLowerCase() === value;
    case 'ct status':
      return value === 'dnat' && packet.translated;
    case 'saddr type':
    case 'daddr type':
      return value === key;
    case 'iifname':
      return sameInterface(value.replaceAll('"', '').replace(/\*$/, '+'), packet.inInterface);
    case 'oifname':
      return sameInterface(value.replaceAll('"', '').replace(/\*$/, '+'), packet.outInterface);
    case 'mark':
      return Number(value) === Number(key);
    case 'dport':
    case 'sport': {
      const [low, high = low] = value.split('-').map(Number);
      return Number(key) >= low! && Number(key) <= high!;
    }
    default:
      return value === key;
  }
}

function keyOf(on: NftExpression, packet: TracedPacket, world: NftWorld): string {
  return on.selectors.map((selector) => fields[selector](packet, world, on.mask)).join(' . ');
}

const addressType = (ip: string, world: NftWorld): string => (world.isLocal(ip) ? 'local' : 'unicast');

/** One line a selector. */
const fields: Readonly<
  Record<NftSelector, (packet: TracedPacket, world: NftWorld, mask: number | undefined) => string>
> = {
  saddr: (packet) => packet.source,
  daddr: (packet) => packet.destination,
  l4proto: (packet) => packet.protocol,
  // Packets that are walked open connections; none is ICMP.
  'icmpv6 type': () => 'none',
  nfproto: (packet) => (familyWord(packet) === 'ip' ? 'ipv4' : 'ipv6'),
  sport: (packet) => String(packet.sourcePort),
  dport: (packet) => String(packet.destinationPort),
  mark: ({ mark }, _world, mask) => String(mask === undefined ? mark : mark & mask),
  'ct state': (packet) => packet.state.toLowerCase(),
  'ct status': (packet) => (packet.translated ? 'dnat' : 'none'),
  'saddr type': (packet, world) => addressType(packet.source, world),
  'daddr type': (packet, world) => addressType(packet.destination, world),
  iifname: (packet) => packet.inInterface ?? '',
  oifname: (packet) => packet.outInterface ?? '',
};

const readVerdict = (text: string | undefined, where: string): NftVerdict | undefined =>
  text === undefined ? undefined : verdictText(text, where);

/** What a verdict by itself does. */
const leads = (verdict: NftVerdict): string => ('chain' in verdict ? `on to ${verdict.chain}` : verdict.kind);

const textOf = (verdict: NftVerdict): string =>
  'chain' in verdict ? `${verdict.kind} ${verdict.chain}` : verdict.kind;

function markOf({ how, value }: { how: 'or' | 'xor' | 'and' | 'set'; value: number }, mark: number): number {
  const changed = how === 'or' ? mark | value : how === 'xor' ? mark ^ value : how === 'and' ? mark & value : value;
  return changed >>> 0;
}
