/**
 * Which objects carry a label with a value: what makes `-l app=web` cost what it finds instead of what there is.
 * klab's own; upstream scans the namespace (its cacher indexes nothing but the fields of TriggerFunc).
 */
import type { Requirement } from '../../apimachinery/index.ts';
import type { StoredEntry } from '../storage/entry.ts';

/** Keys indexed at a time; the one asked for longest ago gives way. */
const keyBound = 8;
/** Below so many objects a scan is as fast, and needs no upkeep. */
export const worthIndexing = 256;

/** Entries by their key in the store. */
type Bucket = Map<string, StoredEntry>;

/**
 * Built key by key when first asked for, since it needs every object decoded; kept up to date from then on.
 * Invariant: for an indexed label, `buckets.get(value)` holds exactly the present objects with that value.
 */
export class LabelIndex {
  /** In order of their last use. */
  readonly #byLabel = new Map<string, Map<string, Bucket>>();

  get empty(): boolean {
    return this.#byLabel.size === 0;
  }

  clear(): void {
    this.#byLabel.clear();
  }

  /**
   * A superset of what all requirements select, as small as one requirement's index makes it; undefined when none of them
   * names values. The order is not the keys'.
   */
  candidates(requirements: readonly Requirement[], all: () => readonly StoredEntry[]): StoredEntry[] | undefined {
    const found: Bucket[][] = [];
    for (const { key, operator, values } of requirements) {
      if (operator !== '=' && operator !== '==' && operator !== 'in') continue;
      const buckets = this.#bucketsOf(key, all);
      found.push([...new Set(values)].flatMap((value) => buckets.get(value) ?? []));
    }
    if (found.length === 0) return undefined;
    const size = (buckets: readonly Bucket[]) => buckets.reduce((sum, bucket) => sum + bucket.size, 0);
    const smallest = found.reduce((best, buckets) => (size(buckets) < size(best) ? buckets : best));
    return smallest.flatMap((bucket) => [...bucket.values()]);
  }

  /** An object came, changed or went. */
  update(prev: StoredEntry | undefined, entry: StoredEntry | undefined): void {
    for (const [label, buckets] of this.#byLabel) {
      const before = prev && labelOf(prev, label);
      const now = entry && labelOf(entry, label);
      if (before !== undefined && before !== now) {
        const bucket = buckets.get(before);
        bucket?.delete(prev!.key);
        if (bucket?.size === 0) buckets.delete(before);
      }
      if (now !== undefined) add(buckets, now, entry!);
    }
  }

  #bucketsOf(label: string, all: () => readonly StoredEntry[]): Map<string, Bucket> {
    let buckets = this.#byLabel.get(label);
    if (buckets) this.#byLabel.delete(label);
    else {
      buckets = new Map();
      for (const entry of all()) {
        const value = labelOf(entry, label);
        if (value !== undefined) add(buckets, value, entry);
      }
      if (this.#byLabel.size >= keyBound) this.#byLabel.delete(this.#byLabel.keys().next().value!);
    }
    this.#byLabel.set(label, buckets);
    return buckets;
  }
}

function labelOf(entry: StoredEntry, label: string): string | undefined {
  const { labels } = entry.object.metadata;
  return labels && Object.hasOwn(labels, label) ? labels[label] : undefined;
}

function add(buckets: Map<string, Bucket>, value: string, entry: StoredEntry): void {
  let bucket = buckets.get(value);
  if (!bucket) {
    bucket = new Map();
    buckets.set(value, bucket);
  }
  bucket.set(entry.key, entry);
}
