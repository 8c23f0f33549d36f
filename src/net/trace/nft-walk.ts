/**
 * One nftables table as the kernel walks it: base chains at their hooks in order of priority, jumps, gotos, sets and maps.
 * Semantics: nft(8). A verdict `accept` ends a base chain, not the hook; `drop` ends the packet.
 */
import { joinHostPort } from '../addresses.ts';
import {
  type Branch,
  type Step,
  type TracedPacket,
  TraceError,
  type Translation,
  toldChainLength,
  withStep,
} from './branch.ts';
import { inRange } from './iptables-match.ts';
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
  readonly family: 'ip' | 'ip6';
  readonly chains: readonly { readonly name: string; readonly base?: string }[];
  readonly rules: readonly { readonly chain: string; readonly rule: string; readonly comment?: string }[];
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
  /** Parsed when it is first met: of thousands of rules a packet meets a dozen. */
  statements?: readonly NftStatement[];
}

interface BaseChain {
  readonly name: string;
  readonly type: string;
  readonly priority: number;
}

interface Left {
  readonly returned: readonly Branch[];
  readonly ended: readonly Branch[];
}

export class NftWalk {
  readonly #chains = new Map<string, ReadRule[]>();
  readonly #base = new Map<string, BaseChain[]>();
  readonly #sets = new Map<string, Map<string, string | undefined>>();
  readonly #world: NftWorld;
  /** Rules and elements. */
  readonly size: number;

  constructor(table: NftTable, world: NftWorld) {
    this.#world = world;
    for (const { name, base } of table.chains) {
      this.#chains.set(name, []);
      const found = base === undefined ? undefined : /^type (\w+) hook (\w+) priority (-?\d+)/.exec(base);
      if (!found) continue;
      const [, type = '', hook = '', priority = '0'] = found;
      const chains = this.#base.get(hook) ?? [];
      chains.push({ name, type, priority: Number(priority) });
      this.#base.set(
        hook,
        chains.sort((a, b) => a.priority - b.priority),
      );
    }
    for (const { chain, rule } of table.rules) {
      const rules = this.#chains.get(chain);
      if (!rules) throw new TraceError(`rule "${rule}" stands in chain ${chain}, which is not there`);
      rules.push({ text: rule });
    }
    for (const { set, key, value } of table.elements) {
      const elements = this.#sets.get(set) ?? new Map<string, string | undefined>();
      this.#sets.set(set, elements);
      elements.set(key.join(' . '), value);
    }
    this.size = table.rules.length + table.elements.length;
  }

  /** All base chains at a hook, in order of priority. */
  run(branches: readonly Branch[], hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting'): Branch[] {
    let here = [...branches];
    for (const { name, type } of this.#base.get(hook) ?? []) {
      here = here.flatMap((branch) => {
        if (branch.verdict !== undefined || (type === 'nat' && branch.packet.state !== 'NEW')) return [branch];
        const { returned, ended } = this.#walk(branch, hook.toUpperCase(), type, name, 0);
        return [...returned, ...ended];
      });
    }
    return here;
  }

  #walk(start: Branch, hook: string, table: string, name: string, depth: number): Left {
    const rules = this.#chains.get(name);
    if (!rules) throw new TraceError(`a rule goes to chain ${name}, which is not there`);
    if (depth > 16) throw new TraceError(`chain ${name} comes back to itself`);
    const told = rules.length <= toldChainLength;
    const out = { returned: [] as Branch[], ended: [] as Branch[] };
    let here: Branch[] = [start];
    for (const rule of rules) {
      if (here.length === 0) break;
      const next: Branch[] = [];
      for (const branch of here) {
        this.#rule(
          rule,
          { ...branch, tried: branch.tried + 1 },
          { hook, table, chain: name, depth, told },
          { ...out, next },
        );
      }
      here = next;
    }
    return { returned: [...out.returned, ...here], ended: out.ended };
  }

  #rule(
    rule: ReadRule,
    branch: Branch,
    at: { hook: string; table: string; chain: string; depth: number; told: boolean },
    out: { next: Branch[]; returned: Branch[]; ended: Branch[] },
  ): void {
    rule.statements ??= parseNftRule(rule.text);
    const { hook, table, chain } = at;
    const step = (matched: boolean, why: string, more: Partial<Step> = {}): Step => ({
      hook,
      table,
      chain,
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
          const why = this.#mismatch(statement, packet);
          if (why === undefined) continue;
          out.next.push(at.told ? withStep(here, step(false, why)) : here);
          return;
        }
        case 'vmap': {
          const key = keyOf(statement.on, packet, this.#world);
          const verdict = statement.entries
            ? statement.entries.get(key)
            : readVerdict(this.#sets.get(statement.map!)?.get(key), rule.text);
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
    at: { hook: string; table: string; depth: number },
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
        const inside = this.#walk(
          withStep(branch, { ...step, moves: 'jump' }),
          at.hook,
          at.table,
          verdict.chain,
          at.depth + 1,
        );
        out.ended.push(...inside.ended);
        // A goto forgets where it came from: its end is the end of this chain too.
        (verdict.kind === 'jump' ? out.next : out.returned).push(...inside.returned);
      }
    }
  }

  /** Why a match does not hold; undefined when it does. */
  #mismatch(statement: NftStatement & { kind: 'match' }, packet: TracedPacket): string | undefined {
    const { on, inverted, set, values } = statement;
    const key = keyOf(on, packet, this.#world);
    const holds =
      set === undefined
        ? values!.some((value) => equals(on.selectors, value, key, packet))
        : (this.#sets.get(set)?.has(key) ?? false) || this.#world.remembers(set, key);
    if (holds !== inverted) return undefined;
    const what = on.selectors.join(' . ');
    if (set === undefined && !inverted) return `${what} is ${key}, not ${values!.join(', ')}`;
    return `${what} is ${key}, which is ${holds ? 'in' : 'not in'} ${set === undefined ? values!.join(', ') : `set ${set}`}`;
  }
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
