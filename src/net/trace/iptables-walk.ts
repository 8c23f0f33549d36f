/**
 * iptables as the kernel walks it: rule after rule down a chain, jumps and returns, verdicts that end a table. Semantics:
 * iptables(8), iptables-extensions(8). nat is consulted for the first packet of a connection only, and its first
 * translation ends it.
 */
import { joinHostPort } from '../addresses.ts';
import { type Jump, quoteToken, type Rule, type RuleTable, ruleText } from '../packet-rules.ts';
import { atLine, type Branch, type Step, TraceError, toldChainLength, withStep } from './branch.ts';
import { type MatchWorld, matchIptables } from './iptables-match.ts';

export interface IptablesWorld extends MatchWorld {
  /** The address that traffic to `destination` gets when it is masqueraded: that of the interface it leaves by. */
  masqueradeAddress(destination: string): string;
}

/** A rule of a dump knows its line. */
type WalkedRule = Rule & { readonly line?: number };

type WalkedTable = RuleTable & {
  readonly rules: readonly WalkedRule[];
  /** Of built-in chains; ACCEPT where nothing is said. */
  readonly policies?: Readonly<Record<string, string>>;
};

type TableName = RuleTable['name'];

/** Targets that do something beside the packet's way. */
const bystanders = new Set([
  'LOG',
  'NFLOG',
  'TRACE',
  'CONNMARK',
  'CONNSECMARK',
  'SECMARK',
  'CLASSIFY',
  'TCPMSS',
  'CHECKSUM',
]);

/** How a chain was left: off its end (or by RETURN), or for good. */
interface Left {
  readonly returned: readonly Branch[];
  readonly ended: readonly Branch[];
}

export class IptablesWalk {
  readonly #chains = new Map<string, WalkedRule[]>();
  readonly #policies = new Map<string, string>();
  readonly #world: IptablesWorld;
  /** All rules there are, jumps included. */
  readonly size: number;

  constructor(tables: readonly WalkedTable[], jumps: readonly Jump[], world: IptablesWorld) {
    this.#world = world;
    const chain = (table: string, name: string): WalkedRule[] => {
      const key = `${table} ${name}`;
      const rules = this.#chains.get(key) ?? [];
      this.#chains.set(key, rules);
      return rules;
    };
    // Each jump was inserted at the head of its chain: the last stands first.
    for (const jump of jumps) {
      const words = [...jump.match, ...(jump.comment === '' ? [] : ['-m', 'comment', '--comment', jump.comment])];
      chain(jump.table, jump.from).unshift({ chain: jump.from, match: words, target: ['-j', jump.to] });
    }
    for (const table of tables) {
      for (const name of table.chains) chain(table.name, name);
      for (const [name, policy] of Object.entries(table.policies ?? {}))
        this.#policies.set(`${table.name} ${name}`, policy);
      for (const rule of table.rules) chain(table.name, rule.chain).push(rule);
    }
    this.size = [...this.#chains.values()].reduce((sum, rules) => sum + rules.length, 0);
  }

  /** What one table does at one hook: the built-in chain of that name, then its policy. */
  run(branches: readonly Branch[], table: TableName, hook: string): Branch[] {
    return branches.flatMap((branch) => {
      if (branch.verdict !== undefined) return [branch];
      if (table === 'nat' && branch.packet.state !== 'NEW') return [branch];
      const rules = this.#chains.get(`${table} ${hook}`);
      if (!rules) return [branch];
      const { returned, ended } = this.#walk(branch, table, hook, hook, 0);
      if (this.#policies.get(`${table} ${hook}`) !== 'DROP') return [...returned, ...ended];
      const step = { hook, table, chain: hook, rule: `:${hook} DROP`, matched: true } as const;
      const why = 'no rule ended it, and the policy of the chain is to drop';
      return [...returned.map((each) => withStep(each, { ...step, why }, { verdict: 'drop' })), ...ended];
    });
  }

  #walk(start: Branch, table: TableName, hook: string, name: string, depth: number): Left {
    const rules = this.#chains.get(`${table} ${name}`);
    if (!rules) throw new TraceError(`a rule jumps to chain ${name}, which table ${table} does not have`);
    if (depth > 32) throw new TraceError(`chain ${name} of table ${table} comes back to itself`);
    const told = rules.length <= toldChainLength && depth > 0;
    const returned: Branch[] = [];
    const ended: Branch[] = [];
    let here: Branch[] = [start];
    for (const rule of rules) {
      if (here.length === 0) break;
      const next: Branch[] = [];
      for (const before of here) {
        const branch = { ...before, tried: before.tried + 1 };
        const result = atLine(rule.line, () => matchIptables(rule.match, branch.packet, this.#world));
        const step = (matched: boolean, why: string, odds?: number): Step => ({
          hook,
          table,
          chain: name,
          rule: ruleText(rule),
          matched,
          why,
          ...(odds === undefined ? {} : { odds }),
        });
        if (!result.matches) {
          next.push(told ? withStep(branch, step(false, result.why ?? '')) : branch);
          continue;
        }
        let taken: Branch = branch;
        if (result.odds !== undefined && result.odds < 1) {
          const missed = 1 - result.odds;
          const on = { ...branch, odds: branch.odds * missed };
          if (missed > 0) next.push(told ? withStep(on, step(false, 'the dice fell the other way', missed)) : on);
          taken = { ...branch, odds: branch.odds * result.odds };
          if (result.odds === 0) continue;
        }
        const odds = result.odds;
        const at = { table, hook, depth, step: (why: string) => step(true, why, odds) };
        atLine(rule.line, () => this.#target(rule, taken, at, { next, returned, ended }));
      }
      here = next;
    }
    return { returned: [...returned, ...here], ended };
  }

  #target(
    rule: Rule,
    branch: Branch,
    at: { table: TableName; hook: string; depth: number; step: (why: string) => Step },
    out: { next: Branch[]; returned: Branch[]; ended: Branch[] },
  ): void {
    const { packet } = branch;
    const [, target, ...options] = rule.target;
    const option = (name: string) => options[options.indexOf(name) + 1]!;
    switch (target) {
      case undefined:
        out.next.push(withStep(branch, at.step('it only counts')));
        return;
      case 'ACCEPT':
        out.ended.push(withStep(branch, at.step(`accepted: table ${at.table} is done with it`)));
        return;
      case 'DROP':
        out.ended.push(withStep(branch, at.step('dropped: the sender hears nothing'), { verdict: 'drop' }));
        return;
      case 'REJECT':
        out.ended.push(withStep(branch, at.step('rejected: the sender is told at once'), { verdict: 'reject' }));
        return;
      case 'RETURN':
        out.returned.push(withStep(branch, { ...at.step('back to the chain before'), moves: 'return' }));
        return;
      case 'MARK': {
        const mark = marked(packet.mark, options);
        const why = mark > packet.mark ? 'marked, to be masqueraded at the end' : 'the mark has served';
        out.next.push(withStep(branch, at.step(why), { packet: { ...packet, mark } }));
        return;
      }
      case 'MASQUERADE':
      case 'SNAT': {
        const source =
          target === 'SNAT' ? option('--to-source').split(':')[0]! : this.#world.masqueradeAddress(packet.destination);
        const step = at.step(`the source becomes ${source}, so the answer comes back here`);
        const translation = { kind: 'SNAT', from: packet.source, to: source } as const;
        out.ended.push(withStep(branch, { ...step, translation }, { packet: { ...packet, source } }));
        return;
      }
      case 'DNAT': {
        const { ip, port } = hostPort(option('--to-destination'), packet.destinationPort);
        const from = joinHostPort(packet.destination, packet.destinationPort);
        const to = joinHostPort(ip, port);
        const step = { ...at.step(`the destination becomes ${to}`), translation: { kind: 'DNAT', from, to } as const };
        const changed = { ...packet, destination: ip, destinationPort: port, translated: true };
        out.ended.push(withStep(branch, step, { packet: changed }));
        return;
      }
      default: {
        if (bystanders.has(target)) {
          out.next.push(withStep(branch, at.step('it changes nothing about the way')));
          return;
        }
        if (!this.#chains.has(`${at.table} ${target}`) && (options.length > 0 || rule.target[0]?.startsWith('--')))
          throw new TraceError(`target ${rule.target.map(quoteToken).join(' ')} is one the walk does not know`);
        const inside = this.#walk(
          withStep(branch, { ...at.step(`on to ${target}`), moves: 'jump' }),
          at.table,
          at.hook,
          target,
          at.depth + 1,
        );
        // A goto forgets where it came from: its end is the end of this chain too.
        (rule.target[0] === '-g' ? out.returned : out.next).push(...inside.returned);
        out.ended.push(...inside.ended);
      }
    }
  }
}

/** `--or-mark`, `--xor-mark`, `--set-xmark V/M`, `--set-mark`. */
function marked(mark: number, options: readonly string[]): number {
  const [how, value = '0'] = options;
  const [bits, mask] = value.split('/').map(Number) as [number, number | undefined];
  switch (how) {
    case '--or-mark':
      return (mark | bits) >>> 0;
    case '--xor-mark':
      return (mark ^ bits) >>> 0;
    case '--and-mark':
      return (mark & bits) >>> 0;
    case '--set-xmark':
      return ((mark & ~(mask ?? 0xffffffff)) ^ bits) >>> 0;
    case '--set-mark':
      return ((mark & ~(mask ?? 0xffffffff)) | bits) >>> 0;
    default:
      throw new TraceError(`MARK ${how} is not known`);
  }
}

/** `10.0.0.1:80`, `[fd00::1]:80`, `10.0.0.1`. */
export function hostPort(text: string, otherwise: number): { ip: string; port: number } {
  const six = /^\[(.*)\](?::(\d+))?$/.exec(text);
  if (six) return { ip: six[1]!, port: six[2] === undefined ? otherwise : Number(six[2]) };
  const [ip = '', port] = text.split(':');
  return { ip, port: port === undefined ? otherwise : Number(port) };
}
