import type { StoredEntry } from '../storage/entry.ts';

/** Entries ordered by key, as etcd orders them (keys are ASCII), with lookup by key. */
export class SortedEntries {
  readonly #byKey = new Map<string, StoredEntry>();
  #sorted: StoredEntry[] = [];

  get size(): number {
    return this.#sorted.length;
  }

  /** `entries` must be in key order. */
  replace(entries: readonly StoredEntry[]): void {
    this.#byKey.clear();
    for (const entry of entries) this.#byKey.set(entry.key, entry);
    this.#sorted = [...entries];
  }

  get(key: string): StoredEntry | undefined {
    return this.#byKey.get(key);
  }

  set(entry: StoredEntry): StoredEntry | undefined {
    const prev = this.#byKey.get(entry.key);
    this.#byKey.set(entry.key, entry);
    const at = this.#position(entry.key);
    if (prev) this.#sorted[at] = entry;
    else if (at === this.#sorted.length) this.#sorted.push(entry);
    else this.#sorted.splice(at, 0, entry);
    return prev;
  }

  delete(key: string): StoredEntry | undefined {
    const prev = this.#byKey.get(key);
    if (!prev) return undefined;
    this.#byKey.delete(key);
    this.#sorted.splice(this.#position(key), 1);
    return prev;
  }

  /** Entries with `prefix`, from key `start` on. */
  range(prefix: string, start = prefix): StoredEntry[] {
    const from = this.#position(start < prefix ? prefix : start);
    return this.#sorted.slice(from, this.#position(`${prefix}\u{10ffff}`));
  }

  #position(key: string): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#sorted[middle]!.key < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
