/**
 * Partial syncs of iptables mode: `iptables-restore --noflush` with the chains whose rules changed, and `-X` for those
 * that went. Upstream: pkg/proxy/iptables/proxier.go syncProxyRules (1.36), which also writes the shared chains each time.
 */
import { type Jump, type Rule, ruleText } from '../../net/index.ts';
import type { ResolvedProxyConfig } from '../config.ts';
import {
  type IptablesPiece,
  iptablesPieces,
  iptablesRules,
  largeClusterEndpointsThreshold,
} from '../iptables/rules.ts';
import { ChainBook, type ChainChange, type ChainPiece, type ChainTexts, joinLines } from './chain-book.ts';
import { OrderedPieces } from './ordered-pieces.ts';
import type { RuleSync, TrackedServices } from './rule-sync.ts';
import type { ServiceChanges } from './service-tracker.ts';
import { type RuleTransaction, step } from './transaction.ts';

type Table = 'filter' | 'nat';
const tables: readonly Table[] = ['filter', 'nat'];

/** Chains of services and endpoints: those that a full sync deletes when nothing needs them. Upstream: isServiceChainName. */
export const isServiceChain = (chain: string): boolean => /^KUBE-(SVC|SVL|EXT|FW|SEP)-/.test(chain);

/** `nat KUBE-SERVICES`. */
const place = (table: Table, chain: string) => `${table} ${chain}`;
const chainOf = (at: string) => at.slice(at.indexOf(' ') + 1);
const inTable = (at: string, table: Table) => at.startsWith(`${table} `);

function grouped(rules: readonly Rule[], table: Table, into: Map<string, string>): void {
  let chain = '';
  let lines: string[] = [];
  const flush = () => {
    if (lines.length > 0) into.set(place(table, chain), joinLines([into.get(place(table, chain)) ?? '', ...lines]));
  };
  for (const rule of rules) {
    if (rule.chain !== chain) {
      flush();
      chain = rule.chain;
      lines = [];
    }
    lines.push(ruleText(rule));
  }
  flush();
}

function pieceTexts(piece: IptablesPiece): Map<string, string> {
  const texts = new Map<string, string>();
  grouped(piece.filterRules, 'filter', texts);
  grouped(piece.natRules, 'nat', texts);
  return texts;
}

function chainPiece(piece: IptablesPiece): ChainPiece {
  const shared = pieceTexts(piece);
  const own = new Map<string, string>();
  for (const [table, chains] of [
    ['filter', piece.filterChains],
    ['nat', piece.natChains],
  ] as const) {
    for (const chain of chains) {
      own.set(place(table, chain), shared.get(place(table, chain)) ?? '');
      shared.delete(place(table, chain));
    }
  }
  return { own, shared };
}

type ChainText = readonly [chain: string, text: string | undefined];

/** One table's part of the input; nothing when there is nothing to say. */
function section(table: Table, texts: readonly ChainText[]): string[] {
  if (texts.length === 0) return [];
  const lines = [`*${table}`];
  for (const [at] of texts) lines.push(`:${chainOf(at)} - [0:0]`);
  for (const [, text] of texts) if (text !== undefined && text !== '') lines.push(text);
  for (const [at, text] of texts) if (text === undefined) lines.push(`-X ${chainOf(at)}`);
  lines.push('COMMIT');
  return lines;
}

/** Chains jump only to those of a lesser rank. */
const ranks = [/^KUBE-MARK-MASQ$/, /^KUBE-SEP-/, /^KUBE-SV[CL]-/, /^KUBE-EXT-/, /^KUBE-FW-/];

function rankOf(at: string): number {
  const rank = ranks.findIndex((pattern) => pattern.test(chainOf(at)));
  return rank < 0 ? ranks.length : rank;
}

/**
 * Input of `iptables-restore --noflush`: each named chain gets exactly these rules; undefined deletes it. A table with
 * more chains than `perCommit` is written in several transactions, each chain after those it jumps to, so that packets
 * meet nothing new before the last one; what goes is deleted after that, the other way round.
 */
export function chainsInput(texts: Iterable<ChainText>, perCommit = Number.POSITIVE_INFINITY): string[] {
  const all = [...texts];
  return tables.flatMap((table) => {
    const mine = all.filter(([at]) => inTable(at, table));
    if (mine.length <= perCommit) return section(table, mine);
    const ranked = ranks.map((): ChainText[] => []);
    ranked.push([]);
    for (const one of mine) ranked[rankOf(one[0])]!.push(one);
    const written = ranked.flatMap((group) =>
      slices(
        group.filter(([, text]) => text !== undefined),
        perCommit,
      ),
    );
    const deleted = ranked.reverse().flatMap((group) =>
      slices(
        group.filter(([, text]) => text === undefined),
        perCommit,
      ),
    );
    return [...written, ...deleted].flatMap((group) => section(table, group));
  });
}

function slices<T>(items: readonly T[], size: number): T[][] {
  const out: T[][] = [];
  for (let i = 0; i < items.length; i += size) out.push(items.slice(i, i + size));
  return out;
}

/** Chains of a table as iptables-save prints it, by `table chain`; built-in ones have a policy and are left out. */
export function readSave(save: string): Map<string, string> {
  const rules = new Map<string, string[]>();
  let table: Table = 'filter';
  for (const line of save.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1).trim() as Table;
    else if (line.startsWith(':')) {
      const [chain = '', policy] = line.slice(1).split(' ');
      if (policy === '-') rules.set(place(table, chain), []);
    } else if (line.startsWith('-A ')) rules.get(place(table, line.split(' ', 2)[1]!))?.push(line);
  }
  return new Map([...rules].map(([at, lines]) => [at, lines.join('\n')]));
}

/** Fewer make more transactions, more make longer ones: 5,000 Services of 10 endpoints load in 9 s rather than minutes. */
export const nftChainsPerCommit = 500;

export class IptablesSync implements RuleSync {
  readonly config: ResolvedProxyConfig;
  /** Jumps from the built-in chains, ensured at every full sync. */
  readonly jumps: readonly Jump[];
  /**
   * Chains in one transaction, at most. Without bound as upstream; iptables-nft looks each name up in a list of all that
   * a transaction names, so that tens of thousands take minutes: there `nftChainsPerCommit` is wanted.
   */
  chainsPerCommit = Number.POSITIVE_INFINITY;
  readonly #pieces = new OrderedPieces<ChainPiece>();
  #large = false;
  #book: ChainBook;
  #rules: ReturnType<typeof iptablesPieces>;

  constructor(config: ResolvedProxyConfig) {
    this.config = config;
    this.jumps = iptablesRules([], config).jumps;
    this.#rules = iptablesPieces(config, false);
    this.#book = this.#newBook();
  }

  #newBook(): ChainBook {
    const before = pieceTexts(this.#rules.before);
    const after = pieceTexts(this.#rules.after);
    const { filterChains, natChains } = this.#rules.before;
    for (const chain of filterChains) if (!before.has(place('filter', chain))) before.set(place('filter', chain), '');
    for (const chain of natChains) if (!before.has(place('nat', chain))) before.set(place('nat', chain), '');
    return new ChainBook(before, after, this.#pieces);
  }

  /** Every chain, by `table chain`. */
  get texts(): ChainTexts {
    return this.#book.texts;
  }

  /** Large-cluster mode changes the comments of every Service's rules, when it begins and when it ends. */
  update(changes: ServiceChanges, all: TrackedServices): RuleTransaction {
    const large = all.endpoints > largeClusterEndpointsThreshold;
    let touched = changes;
    if (large !== this.#large) {
      this.#large = large;
      this.#rules = iptablesPieces(this.config, large);
      touched = new Map([...changes, ...all.ports]);
    }
    const changed = this.#pieces.update(touched, (port) => chainPiece(this.#rules.port(port)));
    return this.#transaction(this.#book.update(changed));
  }

  /** The whole of it, over whatever stands: `standing` are the chains as `readSave` reads them. */
  full(standing: ChainTexts = new Map()): RuleTransaction {
    const changes: ChainChange[] = [...this.texts].map(([chain, text]) => ({
      chain,
      old: standing.get(chain),
      new: text,
    }));
    for (const [chain, text] of standing) {
      if (isServiceChain(chainOf(chain)) && !this.texts.has(chain)) changes.push({ chain, old: text, new: undefined });
    }
    return this.#transaction(changes);
  }

  #transaction(changes: readonly ChainChange[]): RuleTransaction {
    const input = (side: 'new' | 'old') =>
      step(
        'iptables-restore',
        chainsInput(
          changes.map((change) => [change.chain, change[side]]),
          this.chainsPerCommit,
        ),
      );
    return {
      steps: input('new'),
      // Seldom asked for, and as long as the shared chains it names: written only then.
      get undo() {
        return input('old');
      },
    };
  }
}
