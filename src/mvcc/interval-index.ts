import type { KeyRange } from './types.ts';

interface Interval<T> {
  readonly start: string;
  /** Exclusive; undefined = unbounded. */
  readonly end: string | undefined;
  readonly members: Set<T>;
}

/**
 * Which members' key ranges hold a key. Single keys are hashed; ranges sit in a static balanced tree (an array sorted
 * by start whose implicit nodes know the largest end below them), rebuilt at the first lookup after a change: watches
 * begin seldom, events come always. Lookup O(log n + hits), n = distinct ranges.
 */
export class IntervalIndex<T> {
  readonly #single = new Map<string, Set<T>>();
  readonly #ranges = new Map<string, Interval<T>>();
  #sorted: Interval<T>[] = [];
  /** maxEnd[i]: largest end in the subtree whose root is i; undefined = unbounded. */
  #maxEnd: (string | undefined)[] = [];
  #dirty = false;

  add(range: KeyRange, member: T): void {
    if (range.single) {
      const set = this.#single.get(range.start);
      if (set) set.add(member);
      else this.#single.set(range.start, new Set([member]));
      return;
    }
    const id = rangeId(range);
    const interval = this.#ranges.get(id);
    if (interval) {
      interval.members.add(member);
      return;
    }
    this.#ranges.set(id, { start: range.start, end: range.end, members: new Set([member]) });
    this.#dirty = true;
  }

  delete(range: KeyRange, member: T): void {
    if (range.single) {
      const set = this.#single.get(range.start);
      set?.delete(member);
      if (set?.size === 0) this.#single.delete(range.start);
      return;
    }
    const id = rangeId(range);
    const interval = this.#ranges.get(id);
    if (!interval?.members.delete(member) || interval.members.size > 0) return;
    this.#ranges.delete(id);
    this.#dirty = true;
  }

  /** Calls `visit` for every member whose range holds `key`; a member is in the index once. */
  stab(key: string, visit: (member: T) => void): void {
    const set = this.#single.get(key);
    if (set) for (const member of set) visit(member);
    if (this.#dirty) this.#build();
    this.#stab(0, this.#sorted.length, key, visit);
  }

  #stab(lo: number, hi: number, key: string, visit: (member: T) => void): void {
    if (lo >= hi) return;
    const mid = (lo + hi) >> 1;
    const maxEnd = this.#maxEnd[mid];
    if (maxEnd !== undefined && maxEnd <= key) return;
    this.#stab(lo, mid, key, visit);
    const interval = this.#sorted[mid]!;
    if (interval.start > key) return;
    if (interval.end === undefined || key < interval.end) for (const member of interval.members) visit(member);
    this.#stab(mid + 1, hi, key, visit);
  }

  #build(): void {
    this.#sorted = [...this.#ranges.values()].sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
    this.#maxEnd = new Array(this.#sorted.length);
    this.#fill(0, this.#sorted.length);
    this.#dirty = false;
  }

  /** Returns the largest end in [lo, hi); '' for none. */
  #fill(lo: number, hi: number): string | undefined {
    if (lo >= hi) return '';
    const mid = (lo + hi) >> 1;
    const left = this.#fill(lo, mid);
    const right = this.#fill(mid + 1, hi);
    const max = larger(larger(left, right), this.#sorted[mid]!.end);
    this.#maxEnd[mid] = max;
    return max;
  }
}

function larger(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return undefined;
  return a > b ? a : b;
}

/** No latin1 string holds U+FFFF, so the parts cannot run into each other. */
function rangeId(range: KeyRange): string {
  return `${range.start}\uffff${range.end ?? '\uffff'}`;
}
