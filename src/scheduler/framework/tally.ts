/**
 * Sums over nodes by topology, kept between cycles: only nodes that changed since are counted anew. Pods made from one
 * template ask for the same sums.
 */
import type { NodeInfo } from './node-info.ts';
import type { Snapshot } from './types.ts';

/** Which nodes changed, in order. */
export class ChangeLog {
  /** Nodes from position `#start` on. */
  readonly #nodes: NodeInfo[] = [];
  #start = 0;
  #last: NodeInfo | undefined;
  /** What the last reader has seen. */
  #read = 0;

  get #end(): number {
    return this.#start + this.#nodes.length;
  }

  /** Where the caller starts to read, having seen everything. */
  mark(): number {
    this.#read = this.#end;
    return this.#end;
  }

  push(node: NodeInfo, limit: number): void {
    // A reader that has seen it must see it again; one that has not sees it once.
    if (this.#last === node && this.#read < this.#end) return;
    this.#last = node;
    this.#nodes.push(node);
    if (this.#nodes.length > limit) this.#start += this.#nodes.splice(0, this.#nodes.length >> 1).length;
  }

  /** Nodes from the position on; undefined when that is too long ago. */
  since(position: number): readonly NodeInfo[] | undefined {
    this.#read = this.#end;
    return position < this.#start ? undefined : this.#nodes.slice(position - this.#start);
  }
}

interface Share {
  readonly slot: string;
  readonly value: string;
  amount: number;
}

export interface Sum {
  amount: number;
  /** How many nodes are in the domain. */
  nodes: number;
}

/** What a node adds to the sums: an amount for a value of a topology. Amounts of 0 make the domain known. */
export type Contribute = (node: NodeInfo, add: (slot: string, value: string, amount: number) => void) => void;

const nothing: ReadonlyMap<string, Sum> = new Map();

/** Slots are topology keys, or whatever tells one map of sums from another. */
export class Tally {
  readonly #contribute: Contribute;
  readonly #shares = new Map<NodeInfo, Share[]>();
  readonly #sums = new Map<string, Map<string, Sum>>();
  /** Slot → amount → how many domains have it. */
  readonly #histogram = new Map<string, Map<number, number>>();
  #snapshot: Snapshot | undefined;
  #position = 0;
  /** Of all amounts. */
  total = 0;

  constructor(contribute: Contribute) {
    this.#contribute = contribute;
  }

  get slots(): Iterable<string> {
    return this.#sums.keys();
  }

  sums(slot: string): ReadonlyMap<string, Sum> {
    return this.#sums.get(slot) ?? nothing;
  }

  /** The least amount of a domain; Infinity where there is none. */
  least(slot: string): number {
    let least = Number.POSITIVE_INFINITY;
    for (const amount of this.#histogram.get(slot)?.keys() ?? []) if (amount < least) least = amount;
    return least;
  }

  /** Makes the sums those of the snapshot as it is now. `scope`: the nodes that may add anything. */
  refresh(snapshot: Snapshot, scope: Iterable<NodeInfo> = snapshot.nodes): this {
    const { changes } = snapshot;
    const changed = this.#snapshot === snapshot ? changes.since(this.#position) : undefined;
    if (changed) for (const node of changed) this.#count(node);
    else {
      this.#shares.clear();
      this.#sums.clear();
      this.#histogram.clear();
      this.total = 0;
      for (const node of scope) this.#count(node);
    }
    this.#snapshot = snapshot;
    this.#position = changes.mark();
    return this;
  }

  #count(node: NodeInfo): void {
    const before = this.#shares.get(node);
    const now: Share[] = [];
    if (node.node) {
      this.#contribute(node, (slot, value, amount) => {
        const known = now.find((share) => share.slot === slot && share.value === value);
        if (known) known.amount += amount;
        else now.push({ slot, value, amount });
      });
    }
    if (before) for (const share of before) this.#change(share, -1);
    for (const share of now) this.#change(share, 1);
    if (now.length > 0) this.#shares.set(node, now);
    else this.#shares.delete(node);
  }

  #change({ slot, value, amount }: Share, sign: 1 | -1): void {
    let sums = this.#sums.get(slot);
    let histogram = this.#histogram.get(slot);
    if (!sums || !histogram) {
      sums = new Map();
      histogram = new Map();
      this.#sums.set(slot, sums);
      this.#histogram.set(slot, histogram);
    }
    let sum = sums.get(value);
    if (!sum) {
      sum = { amount: 0, nodes: 0 };
      sums.set(value, sum);
    } else {
      const domains = histogram.get(sum.amount)! - 1;
      if (domains === 0) histogram.delete(sum.amount);
      else histogram.set(sum.amount, domains);
    }
    sum.amount += sign * amount;
    sum.nodes += sign;
    this.total += sign * amount;
    if (sum.nodes === 0) sums.delete(value);
    else histogram.set(sum.amount, (histogram.get(sum.amount) ?? 0) + 1);
    if (sums.size === 0) {
      this.#sums.delete(slot);
      this.#histogram.delete(slot);
    }
  }
}

/** Those asked for last. */
export class Tallies {
  readonly #tallies = new Map<string, Tally>();
  readonly #limit: number;

  constructor(limit = 64) {
    this.#limit = limit;
  }

  /** The tally of a question, up to date. `contribute` is kept: it may depend on nothing that `question` does not say. */
  get(question: string, snapshot: Snapshot, contribute: () => Contribute, scope?: Iterable<NodeInfo>): Tally {
    let tally = this.#tallies.get(question);
    if (tally) this.#tallies.delete(question);
    else tally = new Tally(contribute());
    this.#tallies.set(question, tally);
    if (this.#tallies.size > this.#limit) this.#tallies.delete(this.#tallies.keys().next().value!);
    return tally.refresh(snapshot, scope);
  }
}

/** Sums with what one cycle tries: pods more or less. */
export class Trial {
  readonly tally: Tally;
  readonly #deltas = new Map<string, Map<string, number>>();
  #total = 0;

  constructor(tally: Tally) {
    this.tally = tally;
  }

  get total(): number {
    return this.tally.total + this.#total;
  }

  get slots(): Iterable<string> {
    return this.#deltas.size === 0 ? this.tally.slots : new Set([...this.tally.slots, ...this.#deltas.keys()]);
  }

  amount(slot: string, value: string): number {
    const base = this.tally.sums(slot).get(value)?.amount ?? 0;
    return this.#deltas.size === 0 ? base : base + (this.#deltas.get(slot)?.get(value) ?? 0);
  }

  add(slot: string, value: string, by: number): void {
    let deltas = this.#deltas.get(slot);
    if (!deltas) {
      deltas = new Map();
      this.#deltas.set(slot, deltas);
    }
    const delta = (deltas.get(value) ?? 0) + by;
    this.#total += by;
    if (delta !== 0) deltas.set(value, delta);
    else {
      deltas.delete(value);
      if (deltas.size === 0) this.#deltas.delete(slot);
    }
  }

  least(slot: string): number {
    if (!this.#deltas.has(slot)) return this.tally.least(slot);
    let least = Number.POSITIVE_INFINITY;
    for (const value of this.tally.sums(slot).keys()) least = Math.min(least, this.amount(slot, value));
    return least;
  }
}
