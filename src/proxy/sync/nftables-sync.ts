/**
 * Partial syncs of nftables mode: one `nft -f` transaction of the chains, sets and elements that changed. Upstream:
 * pkg/proxy/nftables/proxier.go syncProxyRules (1.36).
 */
import type { ResolvedProxyConfig } from '../config.ts';
import { type NftChain, type NftElement, type NftRule, type NftSet, nftablesPiece } from '../nftables/rules.ts';
import { addChain, addElement, addRule, addSet, addTable } from '../nftables/script.ts';
import { ChainBook, type ChainPiece } from './chain-book.ts';
import { ElementBook, type ElementChange } from './element-book.ts';
import { OrderedPieces, type PieceChange } from './ordered-pieces.ts';
import type { RuleSync } from './rule-sync.ts';
import type { ServiceChanges } from './service-tracker.ts';
import { type RuleTransaction, step } from './transaction.ts';

interface Piece extends ChainPiece {
  /** Declarations by name. */
  readonly chains: ReadonlyMap<string, string>;
  readonly sets: ReadonlyMap<string, string>;
  readonly elements: ReadonlyMap<string, NftElement>;
}

const nothing: ReadonlyMap<string, NftElement> = new Map();
const setName = (declaration: string) => declaration.split(' ', 6)[4]!;
const sameElement = (a: NftElement, b: NftElement) => a.value === b.value && a.comment === b.comment;

export class NftablesSync implements RuleSync {
  readonly config: ResolvedProxyConfig;
  readonly table: string;
  readonly #pieces = new OrderedPieces<Piece>();
  readonly #elements = new ElementBook<NftElement>(sameElement);
  readonly #declared = new Map<string, string>();
  readonly #sets = new Map<string, string>();
  readonly #book: ChainBook<Piece>;

  constructor(config: ResolvedProxyConfig) {
    this.config = config;
    this.table = `${config.family === 'IPv4' ? 'ip' : 'ip6'} kube-proxy`;
    const base = this.#piece(nftablesPiece(undefined, config));
    for (const [name, text] of base.chains) this.#declared.set(name, text);
    for (const [name, text] of base.sets) this.#sets.set(name, text);
    this.#elements.update([{ owner: '', old: nothing, new: base.elements }]);
    this.#book = new ChainBook<Piece>(base.own, new Map(), this.#pieces);
  }

  #piece(of: {
    chains: readonly NftChain[];
    sets: readonly NftSet[];
    rules: readonly NftRule[];
    elements: readonly NftElement[];
  }): Piece {
    const lines = new Map<string, string[]>(of.chains.map((chain) => [chain.name, []]));
    const shared = new Map<string, string>();
    for (const rule of of.rules) {
      const own = lines.get(rule.chain);
      const line = addRule(this.table, rule);
      if (own) own.push(line);
      else shared.set(rule.chain, shared.has(rule.chain) ? `${shared.get(rule.chain)}\n${line}` : line);
    }
    return {
      own: new Map([...lines].map(([name, rules]) => [name, rules.join('\n')])),
      shared,
      chains: new Map(of.chains.map((chain) => [chain.name, addChain(this.table, chain)])),
      sets: new Map(of.sets.map((set) => [set.name, addSet(this.table, set)])),
      elements: new Map(of.elements.map((element) => [`${element.set} ${element.key.join(' . ')}`, element])),
    };
  }

  update(changes: ServiceChanges): RuleTransaction {
    const changed = this.#pieces.update(changes, (port) => this.#piece(nftablesPiece(port, this.config)));
    // A set of other properties is another set: what refers to it must let go of it first.
    const chains = this.#book.update(changed, (change) =>
      [...(change.new?.sets ?? [])].some(
        ([name, text]) => change.old?.sets.has(name) && change.old.sets.get(name) !== text,
      ),
    );
    const elements = this.#elements.update(
      changed.map((change) => ({
        owner: change.key,
        old: change.old?.elements ?? nothing,
        new: change.new?.elements ?? nothing,
      })),
    );
    const sets = this.#declare(changed);
    const gone = chains.filter((chain) => chain.new === undefined).map(({ chain }) => chain);
    const fresh = chains.filter((chain) => chain.old === undefined).map(({ chain }) => chain);
    const lines = this.#transaction(
      chains.map(({ chain, new: text }) => [chain, text]),
      fresh.map((chain) => this.#declared.get(chain)!),
      gone,
      sets.removed,
      sets.added,
      elements,
    );
    for (const chain of gone) this.#declared.delete(chain);
    return { steps: step('nft', lines), undo: [] };
  }

  /** Sets that came and went, by their declarations; one whose properties changed does both. */
  #declare(changed: readonly PieceChange<Piece>[]): { added: string[]; removed: string[] } {
    const added: string[] = [];
    const removed: string[] = [];
    for (const change of changed) {
      for (const [name, text] of change.old?.sets ?? []) {
        if (change.new?.sets.get(name) === text) continue;
        removed.push(text);
        this.#sets.delete(name);
      }
      for (const [name, text] of change.new?.sets ?? []) {
        if (change.old?.sets.get(name) === text) continue;
        added.push(text);
        this.#sets.set(name, text);
      }
      for (const [name, text] of change.new?.chains ?? []) this.#declared.set(name, text);
    }
    return { added, removed };
  }

  #transaction(
    texts: readonly (readonly [chain: string, text: string | undefined])[],
    declare: readonly string[],
    deleteChains: readonly string[],
    deleteSets: readonly string[],
    addSets: readonly string[],
    elements: readonly ElementChange<NftElement>[],
  ): string[] {
    const { table } = this;
    return [
      ...declare,
      ...texts.map(([chain]) => `flush chain ${table} ${chain}`),
      ...elements.flatMap(({ old }) => (old ? [`delete element ${table} ${old.set} { ${old.key.join(' . ')} }`] : [])),
      ...deleteSets.map((set) => `delete set ${table} ${setName(set)}`),
      ...addSets,
      ...texts.flatMap(([, text]) => (text === undefined || text === '' ? [] : [text])),
      ...elements.flatMap((element) => (element.new ? [addElement(table, element.new)] : [])),
      ...deleteChains.map((chain) => `delete chain ${table} ${chain}`),
    ];
  }

  /** The whole table in place of what stands there; atomic, so there is nothing to undo. */
  full(): RuleTransaction {
    const { table } = this;
    const lines = [`add table ${table}`, `delete table ${table}`, addTable(table)];
    for (const declaration of this.#declared.values()) lines.push(declaration);
    for (const declaration of this.#sets.values()) lines.push(declaration);
    for (const text of this.#book.texts.values()) if (text !== '') lines.push(text);
    for (const element of this.#elements.standing.values()) lines.push(addElement(table, element));
    return { steps: step('nft', lines), undo: [] };
  }
}
