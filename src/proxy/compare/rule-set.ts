/** Rules in a form that can be compared, wherever they come from: our generators, or what a node's tools print. */

/** A rule, an element of a set, or a real server. */
export interface Item {
  /** The same for the same effect, however a tool spells it. */
  readonly key: string;
  /** As the source spells it. */
  readonly text: string;
  /** Line of the dump, from 1. */
  readonly line?: number;
}

/** A chain, a set, a map or a virtual server. */
export interface Place {
  /** The order of items is the order in which packets meet them. */
  readonly ordered: boolean;
  readonly items: Item[];
}

/** By name: `nat KUBE-SERVICES`, `chain services`, `map service-ips`, `ipvs -t 10.96.0.1:443`, `ipset KUBE-CLUSTER-IP`. */
export type RuleSet = Map<string, Place>;

export function placeOf(set: RuleSet, name: string, ordered: boolean): Place {
  let place = set.get(name);
  if (!place) {
    place = { ordered, items: [] };
    set.set(name, place);
  }
  return place;
}

/** A text that is not the dump it should be. */
export class DumpError extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.name = 'DumpError';
    this.line = line;
  }
}

export interface Difference {
  /**
   * `missing`: expected and not there. `extra`: there, and not expected. `stale`: there, in a place that nothing wants
   * any more (its Service or endpoint is gone). `order`: all there, but packets meet them in another order.
   */
  readonly kind: 'missing' | 'extra' | 'stale' | 'order';
  readonly place: string;
  readonly items: readonly Item[];
}

/** What must be done to `actual` to make it `expected`, by place: missing ones first, in the order of `expected`. */
export function compareRuleSets(expected: RuleSet, actual: RuleSet): Difference[] {
  const out: Difference[] = [];
  for (const [name, place] of expected) {
    const there = actual.get(name);
    const missing = without(place.items, there?.items ?? []);
    const extra = without(there?.items ?? [], place.items);
    if (missing.length > 0) out.push({ kind: 'missing', place: name, items: missing });
    if (extra.length > 0) out.push({ kind: 'extra', place: name, items: extra });
    if (missing.length + extra.length === 0 && place.ordered && there && !sameOrder(place.items, there.items)) {
      out.push({ kind: 'order', place: name, items: there.items });
    }
    // An empty chain that others jump to must stand all the same.
    if (!there && place.items.length === 0) out.push({ kind: 'missing', place: name, items: [] });
  }
  for (const [name, { items }] of actual) if (!expected.has(name)) out.push({ kind: 'stale', place: name, items });
  return out;
}

const sameOrder = (a: readonly Item[], b: readonly Item[]): boolean => a.every(({ key }, i) => key === b[i]!.key);

/** Items of `a` that `b` has not, each as often as it lacks. */
function without(a: readonly Item[], b: readonly Item[]): Item[] {
  const left = new Map<string, number>();
  for (const { key } of b) left.set(key, (left.get(key) ?? 0) + 1);
  return a.filter(({ key }) => {
    const count = left.get(key) ?? 0;
    if (count > 0) left.set(key, count - 1);
    return count === 0;
  });
}
