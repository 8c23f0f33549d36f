/** The watch cache of one resource. Upstream: apiserver/pkg/storage/cacher/{cacher,watch_cache}.go. */
import type { Clock } from '../../base/index.ts';
import type { StoredEntry, View } from '../storage/entry.ts';
import type { EncodedWatchEvent } from '../types.ts';
import { bookmarkEvent, CacheEvent } from './event.ts';
import { LabelIndex, worthIndexing } from './label-index.ts';
import { SortedEntries } from './sorted-entries.ts';
import { CacheWatcher, formOf, passes, type Selection, selects } from './watcher.ts';
import { EventWindow, type WindowOptions } from './window.ts';

/** A field by which watches and lists are so often narrowed that it has an index. Upstream: registry's IndexerFuncs. */
export interface FieldIndex {
  /** As field selectors name it: `spec.nodeName`. */
  readonly field: string;
  valueOf(object: StoredEntry['object']): string;
}

export interface ResourceCacheOptions {
  /** `/registry/pods/`. */
  readonly prefix: string;
  readonly index?: FieldIndex;
  readonly window?: WindowOptions;
}

export interface CachePage {
  readonly entries: readonly StoredEntry[];
  /** Key of the first selected object that did not fit. */
  readonly next?: string;
  /** Objects in the range after this page, whether selected or not. */
  readonly remaining: number;
}

/** Where a watch begins. */
export type WatchStart =
  /** Synthetic ADDED of the present state; `end`: then a bookmark that says so. */
  | { readonly kind: 'state'; readonly end: boolean }
  /** Changes after this revision. */
  | { readonly kind: 'after'; readonly revision: number };

/** A watch asked for changes the window no longer holds. */
export class TooOldError extends Error {
  override readonly name = 'TooOldError';
  readonly requested: number;
  /** Upstream's number in the message: the oldest revision one may start after. */
  readonly oldest: number;
  constructor(requested: number, oldest: number) {
    super(`too old resource version: ${requested} (${oldest})`);
    this.requested = requested;
    this.oldest = oldest;
  }
}

/** One change as the store's history tells it; `entry` absent = deleted, `prev` absent = created. */
export interface PastChange {
  readonly key: string;
  readonly revision: number;
  readonly entry: StoredEntry | undefined;
  readonly prev: StoredEntry | undefined;
}

/**
 * Invariants: entries are the store's state at the hub's revision; every watcher has been offered each change after its
 * start exactly once, in revision order; the window holds every change after `window.completeAfter`.
 */
export class ResourceCache {
  readonly prefix: string;
  readonly index: FieldIndex | undefined;
  readonly #clock: Clock;
  readonly #entries = new SortedEntries();
  readonly #window: EventWindow;
  readonly #watchers = new Set<CacheWatcher>();
  readonly #indexedWatchers = new Map<string, Set<CacheWatcher>>();
  #indexed: Map<string, Map<string, StoredEntry>> | undefined;
  readonly #byLabel = new LabelIndex();
  #loaded = false;
  #early: { revision: number; key: string; entry: StoredEntry | undefined }[] = [];
  #version = 0;
  #loadedAt = 0;
  #lastChange = 0;
  #lists = new Map<string, readonly StoredEntry['object'][]>();

  constructor(deps: { clock: Clock }, options: ResourceCacheOptions) {
    this.#clock = deps.clock;
    this.prefix = options.prefix;
    this.index = options.index;
    this.#window = new EventWindow(options.window);
  }

  get loaded(): boolean {
    return this.#loaded;
  }

  get size(): number {
    return this.#entries.size;
  }

  get watcherCount(): number {
    return this.#watchers.size;
  }

  /** Grows with each change of any object. */
  get version(): number {
    return this.#version;
  }

  /** The whole state at `revision`, in key order. Ends all watches when there was another state before. */
  load(entries: readonly StoredEntry[], revision: number): void {
    for (const watcher of [...this.#watchers]) watcher.stop();
    this.#entries.replace(entries);
    this.#window.reset(revision);
    this.#loadedAt = revision;
    this.#lastChange = revision;
    this.#indexed = undefined;
    this.#byLabel.clear();
    this.#changed();
    this.#loaded = true;
    const early = this.#early;
    this.#early = [];
    for (const change of early) if (change.revision > revision) this.apply(change.key, change.revision, change.entry);
  }

  /** Takes one change from the store; `entry` absent = deleted. Changes come in revision order. */
  apply(key: string, revision: number, entry: StoredEntry | undefined): void {
    if (!this.#loaded) {
      this.#early.push({ revision, key, entry });
      return;
    }
    if (revision <= this.#loadedAt) return;
    const prev = entry ? this.#entries.set(entry) : this.#entries.delete(key);
    if (!entry && !prev) return;
    this.#reindex(prev, entry);
    if (!this.#byLabel.empty) this.#byLabel.update(prev, entry);
    this.#changed();
    this.#lastChange = revision;
    const now = this.#clock.monotonic();
    const event = new CacheEvent(key, revision, { entry, prev }, now);
    this.#window.push(event, now);
    this.#dispatch(event);
  }

  /** True when the state now is also the state of `revision`: nothing changed since. `current` is the hub's revision. */
  showsRevision(revision: number, current: number): boolean {
    return revision >= this.#lastChange && revision <= current;
  }

  get(key: string): StoredEntry | undefined {
    return this.#entries.get(key);
  }

  /** Objects in the stored version, all or of one namespace; kept until something changes. */
  objects(namespace: string): readonly StoredEntry['object'][] {
    let list = this.#lists.get(namespace);
    if (!list) {
      const prefix = namespace === '' ? this.prefix : `${this.prefix}${namespace}/`;
      list = this.#entries.range(prefix).map((entry) => entry.object);
      this.#lists.set(namespace, list);
    }
    return list;
  }

  /** Selected entries in key order, from `start` on, at most `limit`. */
  list(selection: Selection, options: { limit?: number; start?: string } = {}): CachePage {
    const candidates = this.#candidates(selection, options.start);
    const limit = options.limit ?? 0;
    if (limit === 0 && selection.matches === undefined) return { entries: candidates, remaining: 0 };
    const entries: StoredEntry[] = [];
    for (let i = 0; i < candidates.length; i++) {
      const entry = candidates[i]!;
      if (!passes(selection, entry)) continue;
      if (limit > 0 && entries.length === limit) {
        return { entries, next: entry.key, remaining: candidates.length - i };
      }
      entries.push(entry);
    }
    return { entries, remaining: 0 };
  }

  /**
   * Starts a watch. Reading the state and joining the watchers happen in one turn, so there is no gap.
   * @param revision the revision the state is complete up to (the hub's).
   * @throws TooOldError
   */
  watch(selection: Selection, start: WatchStart, options: { bookmarks: boolean; revision: number }): CacheWatcher {
    let initial: (EncodedWatchEvent | StoredEntry)[];
    let after: number;
    if (start.kind === 'state') {
      initial = [...this.list(selection).entries];
      after = options.revision;
      if (start.end) initial.push(bookmarkEvent(selection.view, options.revision, true));
    } else {
      const missed = this.#window.since(start.revision);
      if (!missed) throw new TooOldError(start.revision, this.#window.completeAfter);
      initial = [];
      for (const event of missed) {
        if (!selects(selection, event.key)) continue;
        const form = formOf(event, selection);
        if (form) initial.push(form);
      }
      after = Math.max(start.revision, options.revision);
    }
    const watchers = this.#watchersOf(selection);
    const watcher = new CacheWatcher(selection, {
      bookmarks: options.bookmarks,
      after,
      initial,
      onStop: (stopped) => {
        this.#watchers.delete(stopped);
        watchers?.delete(stopped);
        if (watchers?.size === 0) this.#indexedWatchers.delete(selection.indexed!);
      },
    });
    this.#watchers.add(watcher);
    watchers?.add(watcher);
    return watcher;
  }

  /** A watch may start after this revision or any later one. */
  get oldestStart(): number {
    return this.#window.completeAfter;
  }

  /** More changes than this would not fit. */
  get mostPastChanges(): number {
    return this.#window.room;
  }

  /**
   * Lets watches start after `revision` already, which is before `oldestStart`.
   * @param changes all of this resource after `revision` up to `oldestStart` or later, in revision order.
   * @returns false when they do not fit.
   */
  reachBack(revision: number, changes: readonly PastChange[]): boolean {
    const { completeAfter } = this.#window;
    if (revision >= completeAfter) return true;
    const now = this.#clock.monotonic();
    const events: CacheEvent[] = [];
    for (const change of changes) {
      if (change.revision > completeAfter) break;
      events.push(new CacheEvent(change.key, change.revision, change, now));
    }
    if (events.length > this.#window.room) return false;
    this.#window.extend(events, revision);
    return true;
  }

  /** Tells those who want bookmarks how far they are. */
  bookmark(revision: number): void {
    const events = new Map<View, EncodedWatchEvent>();
    for (const watcher of this.#watchers) {
      if (!watcher.bookmarks) continue;
      const { view } = watcher.selection;
      let event = events.get(view);
      if (!event) {
        event = bookmarkEvent(view, revision);
        events.set(view, event);
      }
      watcher.bookmark(revision, event);
    }
  }

  stopWatchers(): void {
    for (const watcher of [...this.#watchers]) watcher.stop();
  }

  #changed(): void {
    this.#version++;
    if (this.#lists.size > 0) this.#lists.clear();
  }

  #watchersOf(selection: Selection): Set<CacheWatcher> | undefined {
    if (selection.indexed === undefined) return undefined;
    let set = this.#indexedWatchers.get(selection.indexed);
    if (!set) {
      set = new Set();
      this.#indexedWatchers.set(selection.indexed, set);
    }
    return set;
  }

  #dispatch(event: CacheEvent): void {
    if (this.#watchers.size === 0) return;
    if (this.#indexedWatchers.size === 0) {
      for (const watcher of this.#watchers) watcher.offer(event);
      return;
    }
    const values = new Set<string>();
    if (event.entry) values.add(this.index!.valueOf(event.entry.object));
    if (event.prev) values.add(this.index!.valueOf(event.prev.object));
    for (const watcher of this.#watchers) {
      const { indexed } = watcher.selection;
      if (indexed === undefined || values.has(indexed)) watcher.offer(event);
    }
  }

  #candidates(selection: Selection, start: string | undefined): StoredEntry[] {
    if (selection.key !== undefined) {
      const entry = this.#entries.get(selection.key);
      return entry && (start === undefined || entry.key >= start) ? [entry] : [];
    }
    if (selection.indexed !== undefined && this.index) {
      return inRange(this.#indexNow().get(selection.indexed)?.values() ?? [], selection, start);
    }
    if (selection.labels && this.#entries.size >= worthIndexing) {
      const labelled = this.#byLabel.candidates(selection.labels, () => this.#entries.range(this.prefix));
      if (labelled) return inRange(labelled, selection, start);
    }
    return this.#entries.range(selection.prefix, start);
  }

  /** Built when first asked for: it needs every object decoded. */
  #indexNow(): Map<string, Map<string, StoredEntry>> {
    if (!this.#indexed) {
      this.#indexed = new Map();
      for (const entry of this.#entries.range(this.prefix)) this.#reindex(undefined, entry);
    }
    return this.#indexed;
  }

  #reindex(prev: StoredEntry | undefined, entry: StoredEntry | undefined): void {
    const indexed = this.#indexed;
    if (!indexed || !this.index) return;
    const before = prev && this.index.valueOf(prev.object);
    const now = entry && this.index.valueOf(entry.object);
    if (before !== undefined && before !== now) {
      const bucket = indexed.get(before);
      bucket?.delete(prev!.key);
      if (bucket?.size === 0) indexed.delete(before);
    }
    if (now !== undefined) {
      let bucket = indexed.get(now);
      if (!bucket) {
        bucket = new Map();
        indexed.set(now, bucket);
      }
      bucket.set(entry!.key, entry!);
    }
  }
}

/** Those in the selection's namespace from `start` on, in key order. */
function inRange(entries: Iterable<StoredEntry>, { prefix }: Selection, start: string | undefined): StoredEntry[] {
  const out: StoredEntry[] = [];
  for (const entry of entries) {
    if (entry.key.startsWith(prefix) && (start === undefined || entry.key >= start)) out.push(entry);
  }
  return out.sort((a, b) => (a.key < b.key ? -1 : 1));
}
