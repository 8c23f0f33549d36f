import { assert } from '../base/index.ts';
import type { LeaseId } from './lease-id.ts';
import { type KeyRange, keyBytes } from './types.ts';

/** One revision of a key as the index knows it. `value` is a cache: undefined = ask the backend. */
export interface Revision {
  readonly main: number;
  readonly sub: number;
  readonly createRevision: number;
  readonly version: number;
  readonly lease: LeaseId;
  readonly tombstone: boolean;
  value: Uint8Array | undefined;
}

/** A key and its revisions, oldest first. The last one is the newest, perhaps a tombstone. */
export class KeyEntry {
  readonly name: string;
  readonly revisions: Revision[];
  #key: Uint8Array | undefined;

  constructor(name: string, revisions: Revision[], key?: Uint8Array) {
    this.name = name;
    this.revisions = revisions;
    this.#key = key;
  }

  /** Made when somebody asks: a start makes hundreds of thousands of entries, and a Buffer each would be half the work. */
  get key(): Uint8Array {
    this.#key ??= keyBytes(this.name);
    return this.#key;
  }
}

interface Leaf {
  /** Sorted by name. */
  readonly entries: KeyEntry[];
  /** How many of them are not deleted. */
  live: number;
}

const leafMax = 256;

function isLive(entry: KeyEntry): boolean {
  return !entry.revisions[entry.revisions.length - 1]!.tombstone;
}

/** The revision of a key that was current at `revision`; undefined when there was none or it was deleted. */
export function revisionAt(entry: KeyEntry, revision: number): Revision | undefined {
  const { revisions } = entry;
  for (let i = revisions.length - 1; i >= 0; i--) {
    const r = revisions[i]!;
    if (r.main <= revision) return r.tombstone ? undefined : r;
  }
  return undefined;
}

/**
 * Keys in order, each with its revisions: a B+ tree of height two (leaves of at most 256 keys under one array of
 * leaves, which is enough for millions) beside a hash for single keys. Every leaf counts its live keys, so that
 * counting a range costs two leaves and a sum. Upstream: etcd mvcc/index.go, key_index.go.
 *
 * Worked example. put a (rev 2), put a (3), delete a (4), put a (5): revisions 2, 3, 4†, 5; versions 1, 2, 0, 1.
 * compact(3) leaves 3, 4†, 5: the state at 3 can be read. compact(4) leaves 5: at 4 there is nothing.
 */
export class KeyIndex {
  readonly #byName = new Map<string, KeyEntry>();
  #leaves: Leaf[] = [];

  /** Keys known, deleted ones included. */
  get size(): number {
    return this.#byName.size;
  }

  get(name: string): KeyEntry | undefined {
    return this.#byName.get(name);
  }

  clear(): void {
    this.#byName.clear();
    this.#leaves = [];
  }

  /** Fills an empty index from entries in order of name. */
  load(entries: Iterable<KeyEntry>): void {
    assert(this.#byName.size === 0, 'load into an index that is not empty');
    let leaf: Leaf | undefined;
    let last = '';
    for (const entry of entries) {
      assert(leaf === undefined || entry.name > last, 'load out of order');
      last = entry.name;
      if (!leaf || leaf.entries.length >= leafMax / 2) {
        leaf = { entries: [], live: 0 };
        this.#leaves.push(leaf);
      }
      leaf.entries.push(entry);
      if (isLive(entry)) leaf.live++;
      this.#byName.set(entry.name, entry);
    }
  }

  /** Adds a revision to a key, which is made when new. Returns its entry. */
  add(name: string, key: Uint8Array, revision: Revision): KeyEntry {
    let entry = this.#byName.get(name);
    if (!entry) {
      entry = new KeyEntry(name, [revision], key);
      this.#byName.set(name, entry);
      this.#insert(entry);
      return entry;
    }
    const wasLive = isLive(entry);
    entry.revisions.push(revision);
    if (wasLive === revision.tombstone) this.#leafOf(name).live += wasLive ? -1 : 1;
    return entry;
  }

  /** Takes the newest revision of a key back. */
  undo(entry: KeyEntry): void {
    const removed = entry.revisions[entry.revisions.length - 1]!;
    if (entry.revisions.length === 1) {
      this.#remove(entry);
      return;
    }
    entry.revisions.pop();
    const live = isLive(entry);
    if (live === removed.tombstone) this.#leafOf(entry.name).live += live ? 1 : -1;
  }

  /** Entries of a range in order, deleted ones included. The index must not change meanwhile. */
  *entries(range: KeyRange): Generator<KeyEntry, void, void> {
    if (range.single) {
      const entry = this.#byName.get(range.start);
      if (entry) yield entry;
      return;
    }
    const { start, end } = range;
    let i = this.#findLeaf(start);
    let at = i < this.#leaves.length ? lowerBound(this.#leaves[i]!.entries, start) : 0;
    for (; i < this.#leaves.length; i++, at = 0) {
      const { entries } = this.#leaves[i]!;
      for (; at < entries.length; at++) {
        const entry = entries[at]!;
        if (end !== undefined && entry.name >= end) return;
        yield entry;
      }
    }
  }

  /** Live keys of a range now. */
  countLive(range: KeyRange): number {
    if (range.single) {
      const entry = this.#byName.get(range.start);
      return entry && isLive(entry) ? 1 : 0;
    }
    const { start, end } = range;
    let count = 0;
    for (let i = this.#findLeaf(start); i < this.#leaves.length; i++) {
      const leaf = this.#leaves[i]!;
      const first = leaf.entries[0]!.name;
      const last = leaf.entries[leaf.entries.length - 1]!.name;
      if (end !== undefined && first >= end) break;
      if (first >= start && (end === undefined || last < end)) {
        count += leaf.live;
        continue;
      }
      for (const entry of leaf.entries) {
        if (entry.name >= start && (end === undefined || entry.name < end) && isLive(entry)) count++;
      }
    }
    return count;
  }

  /**
   * Forgets what nobody may read after a compaction at `revision`: of every key keeps what is newer, and the one
   * revision current at `revision` unless it is a tombstone. One call does one leaf of work; it starts at `cursor` and
   * returns the next one, undefined at the end.
   */
  compactSlice(revision: number, cursor: string): string | undefined {
    const i = this.#findLeaf(cursor);
    const leaf = this.#leaves[i];
    if (!leaf) return undefined;
    const next = this.#leaves[i + 1]?.entries[0]?.name;
    const gone: KeyEntry[] = [];
    for (const entry of leaf.entries) {
      const { revisions } = entry;
      let keep = revisions.length;
      while (keep > 0 && revisions[keep - 1]!.main > revision) keep--;
      // revisions[keep - 1] is the one current at `revision`.
      if (keep > 0 && !revisions[keep - 1]!.tombstone) keep--;
      if (keep === 0) continue;
      if (keep === revisions.length) gone.push(entry);
      else revisions.splice(0, keep);
    }
    for (const entry of gone) this.#remove(entry);
    return next;
  }

  /** Index of the leaf that holds, or would hold, `name`. */
  #findLeaf(name: string): number {
    let lo = 0;
    let hi = this.#leaves.length;
    // The last leaf whose first key is ≤ name.
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (this.#leaves[mid]!.entries[0]!.name <= name) lo = mid + 1;
      else hi = mid;
    }
    return Math.max(0, lo - 1);
  }

  #leafOf(name: string): Leaf {
    return this.#leaves[this.#findLeaf(name)]!;
  }

  #insert(entry: KeyEntry): void {
    if (this.#leaves.length === 0) this.#leaves.push({ entries: [], live: 0 });
    const i = this.#leaves.length === 1 ? 0 : this.#findLeaf(entry.name);
    const leaf = this.#leaves[i]!;
    leaf.entries.splice(lowerBound(leaf.entries, entry.name), 0, entry);
    if (isLive(entry)) leaf.live++;
    if (leaf.entries.length <= leafMax) return;
    const right: Leaf = { entries: leaf.entries.splice(leafMax / 2), live: 0 };
    for (const moved of right.entries) if (isLive(moved)) right.live++;
    leaf.live -= right.live;
    this.#leaves.splice(i + 1, 0, right);
  }

  #remove(entry: KeyEntry): void {
    this.#byName.delete(entry.name);
    const i = this.#findLeaf(entry.name);
    const leaf = this.#leaves[i]!;
    leaf.entries.splice(lowerBound(leaf.entries, entry.name), 1);
    if (isLive(entry)) leaf.live--;
    if (leaf.entries.length === 0) this.#leaves.splice(i, 1);
  }

  /** Checks what must always hold; throws when it does not. For tests and `KLAB_VERIFY=1`. */
  verify(): void {
    let last: string | undefined;
    let size = 0;
    for (const leaf of this.#leaves) {
      assert(leaf.entries.length > 0 && leaf.entries.length <= leafMax, 'a leaf is empty or too full');
      let live = 0;
      for (const entry of leaf.entries) {
        assert(last === undefined || entry.name > last, 'keys out of order');
        assert(this.#byName.get(entry.name) === entry, 'hash and tree differ');
        last = entry.name;
        size++;
        if (isLive(entry)) live++;
      }
      assert(live === leaf.live, 'a leaf miscounts its live keys');
    }
    assert(size === this.#byName.size, 'hash and tree differ in size');
  }
}

/** Index of the first entry with name ≥ `name`. */
function lowerBound(entries: readonly KeyEntry[], name: string): number {
  let lo = 0;
  let hi = entries.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (entries[mid]!.name < name) lo = mid + 1;
    else hi = mid;
  }
  return lo;
}
