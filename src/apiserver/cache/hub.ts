/**
 * One watch on /registry/ feeding the caches of all resources. Upstream has one reflector a resource; one watch costs a
 * boot of 70 lists and 70 watches less, and gives all caches one common revision.
 */
import { Backoff, type Clock, Deferred, isAbort, type Logger, StoppedError, wallClock } from '../../base/index.ts';
import type { WatchResponse } from '../../etcd/index.ts';
import type { StoredEntry } from '../storage/entry.ts';
import { isDataLoss } from '../storage/errors.ts';
import { keyBytes, keyText, prefixEnd, registryRoot } from '../storage/keys.ts';
import type { ObjectStore } from '../storage/store.ts';
import { reachBack } from './history.ts';
import { ResourceCache, type ResourceCacheOptions } from './resource-cache.ts';

/** Keys read per request when the caches load. */
const loadPage = 5000;
/** Upstream: cacher's bookmarkFrequency. */
const bookmarkEveryMs = 60_000;

interface Waiter {
  readonly revision: number;
  readonly done: Deferred;
}

export class CacheHub {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #log: Logger;
  /** By what follows `/registry/` up to the objects: `pods`, `services/specs`. */
  readonly #caches = new Map<string, ResourceCache>();
  readonly #loading = new Set<ResourceCache>();
  readonly #synced = new Deferred();
  #revision = 0;
  #started = false;
  #waiters: Waiter[] = [];
  #reading: Promise<number> | undefined;
  #nextReading: Promise<number> | undefined;
  #requestProgress: (() => void) | undefined;
  /** Readings of the store's history under way, one a cache. */
  readonly #reaching = new Map<ResourceCache, Promise<boolean>>();
  readonly #stop = new AbortController();
  #stopped: unknown;
  #everLoaded = false;

  constructor(deps: { store: ObjectStore; clock: Clock; log: Logger }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#synced.promise.catch(() => {});
  }

  /** All caches show the store's state at this revision. */
  get revision(): number {
    return this.#revision;
  }

  /** Resolves when the first load is done. */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  /** The cache below `/registry/<etcdPrefix>/`, made when first asked for. While the hub runs, `loaded` follows soon. */
  cache(etcdPrefix: string, options: Omit<ResourceCacheOptions, 'prefix'> = {}): ResourceCache {
    let cache = this.#caches.get(etcdPrefix);
    if (!cache) {
      cache = new ResourceCache({ clock: this.#clock }, { ...options, prefix: `${registryRoot}${etcdPrefix}/` });
      this.#caches.set(etcdPrefix, cache);
      if (this.#started) this.#loading.add(cache);
    }
    return cache;
  }

  /** Loads a cache that was added after the start (a custom resource). */
  async load(etcdPrefix: string): Promise<void> {
    const cache = this.#caches.get(etcdPrefix);
    if (!cache || !this.#loading.has(cache)) return;
    const entries: StoredEntry[] = [];
    const revision = await this.#read(cache.prefix, (entry) => entries.push(entry));
    if (this.#loading.delete(cache)) cache.load(entries, revision);
    await this.waitFor(revision);
  }

  drop(etcdPrefix: string): void {
    const cache = this.#caches.get(etcdPrefix);
    if (!cache) return;
    this.#caches.delete(etcdPrefix);
    this.#loading.delete(cache);
    cache.stopWatchers();
  }

  /** Loads, watches, and starts over when the watch breaks, until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    this.#started = true;
    const backoff = new Backoff({ initialMs: 50, maxMs: 5000 });
    const bookmarks = this.#sendBookmarks(signal);
    try {
      while (!signal.aborted) {
        try {
          await this.#loadAll();
          backoff.reset();
          this.#everLoaded = true;
          this.#synced.resolve();
          await this.#watch(signal);
        } catch (error) {
          if (signal.aborted) break;
          // A start says so and ends; who is served already goes on with what is in the caches.
          if (!this.#everLoaded && isDataLoss(error)) {
            this.#stopped = error;
            throw error;
          }
          this.#log.warn('watch cache starts over', { error: String(error) });
        }
        if (signal.aborted) break;
        // The wall clock: this waits for a store that is out of reach, not for anything the API shows.
        await backoff.wait(wallClock, signal).catch(() => {});
      }
    } finally {
      this.#stopped ??= signal.reason ?? new StoppedError();
      this.#stop.abort(this.#stopped);
      this.#synced.reject(this.#stopped);
      for (const waiter of this.#waiters.splice(0)) waiter.done.reject(this.#stopped);
      for (const cache of this.#caches.values()) cache.stopWatchers();
      await bookmarks;
    }
  }

  /** Resolves when the caches show `revision` or later. */
  async waitFor(revision: number): Promise<void> {
    if (this.#revision >= revision) return;
    if (this.#stopped !== undefined) throw this.#stopped;
    const done = new Deferred();
    this.#waiters.push({ revision, done });
    this.#requestProgress?.();
    await done.promise;
  }

  /**
   * Makes watches of `cache` able to start after `revision`, from the store's history when the window no longer holds
   * what happened since. Does nothing when the store has not either: starting the watch says so then.
   */
  async reachBack(cache: ResourceCache, revision: number): Promise<void> {
    while (revision < cache.oldestStart && this.#stopped === undefined) {
      // Who comes while a reading is under way looks again: it may have gone back far enough.
      const underWay = this.#reaching.get(cache);
      if (underWay) {
        await underWay.catch(() => false);
        continue;
      }
      const reading = reachBack(this.#store, cache, revision, this.#stop.signal);
      this.#reaching.set(cache, reading);
      try {
        if (!(await reading)) return;
      } finally {
        this.#reaching.delete(cache);
      }
    }
  }

  /**
   * The revision a linearizable read would see, once the caches show it. Readers that come while a read is under way
   * share the next one: the one under way may have begun before the write they must see.
   */
  async freshRevision(): Promise<number> {
    const revision = await this.#readRevision();
    await this.waitFor(revision);
    return revision;
  }

  #readRevision(): Promise<number> {
    if (!this.#reading) {
      this.#reading = this.#readOnce();
      return this.#reading;
    }
    this.#nextReading ??= this.#reading
      .catch(() => 0)
      .then(() => {
        this.#nextReading = undefined;
        this.#reading = this.#readOnce();
        return this.#reading;
      });
    return this.#nextReading;
  }

  #readOnce(): Promise<number> {
    const reading = this.#store.currentRevision();
    const done = () => {
      if (this.#reading === reading) this.#reading = undefined;
    };
    reading.then(done, done);
    return reading;
  }

  async #loadAll(): Promise<void> {
    const found = new Map<ResourceCache, StoredEntry[]>();
    for (const cache of this.#caches.values()) found.set(cache, []);
    const revision = await this.#read(registryRoot, (entry) => {
      const cache = this.#route(entry.key);
      if (cache) found.get(cache)?.push(entry);
    });
    this.#store.pending.clear();
    for (const [cache, entries] of found) {
      this.#loading.delete(cache);
      cache.load(entries, revision);
    }
    this.#advance(revision);
  }

  async #read(prefix: string, take: (entry: StoredEntry) => void): Promise<number> {
    let start = prefix;
    let revision = 0;
    for (;;) {
      const page = await this.#store.list({ start, prefix, limit: loadPage, revision });
      revision = page.revision;
      for (const entry of page.entries) take(entry);
      if (!page.more || page.entries.length === 0) return revision;
      start = `${page.entries.at(-1)!.key}\0`;
    }
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const key = keyBytes(registryRoot);
    const stream = this.#store.kv.watch({
      key,
      rangeEnd: prefixEnd(key),
      startRevision: this.#revision + 1,
      progressNotify: true,
    });
    const onAbort = () => stream.cancel();
    signal.addEventListener('abort', onAbort, { once: true });
    this.#requestProgress = () => stream.requestProgress();
    try {
      if (signal.aborted) return;
      if (this.#waiters.length > 0) stream.requestProgress();
      for await (const response of stream) {
        if (response.canceled) {
          throw new Error(`watch canceled: ${response.cancelReason ?? 'by the store'}`);
        }
        this.#take(response);
      }
      if (!signal.aborted) throw new Error('watch ended');
    } catch (error) {
      if (!signal.aborted || !isAbort(error)) throw error;
    } finally {
      this.#requestProgress = undefined;
      signal.removeEventListener('abort', onAbort);
      stream.cancel();
    }
  }

  #take(response: WatchResponse): void {
    for (const event of response.events) {
      const key = keyText(event.kv.key);
      const cache = this.#route(key);
      if (!cache) continue;
      const revision = event.kv.modRevision;
      const entry = event.type === 'put' ? this.#store.pending.resolve(key, event.kv.value, revision) : undefined;
      cache.apply(key, revision, entry);
    }
    if (!response.created || response.events.length > 0) this.#advance(response.revision);
  }

  #advance(revision: number): void {
    if (revision <= this.#revision) return;
    this.#revision = revision;
    if (this.#waiters.length === 0) return;
    const waiting: Waiter[] = [];
    for (const waiter of this.#waiters) {
      if (waiter.revision <= revision) waiter.done.resolve();
      else waiting.push(waiter);
    }
    this.#waiters = waiting;
    if (waiting.length > 0) this.#requestProgress?.();
  }

  /** `/registry/services/specs/default/web` → the cache of `services/specs`. */
  #route(key: string): ResourceCache | undefined {
    let end = key.indexOf('/', registryRoot.length);
    while (end > 0) {
      const cache = this.#caches.get(key.slice(registryRoot.length, end));
      if (cache) return cache;
      end = key.indexOf('/', end + 1);
    }
    return undefined;
  }

  async #sendBookmarks(signal: AbortSignal): Promise<void> {
    for await (const _ of this.#clock.every(bookmarkEveryMs, signal)) {
      try {
        // Idle resources move on too: clients that reconnect with a bookmark's revision are not "too old".
        await this.freshRevision();
      } catch {
        continue;
      }
      for (const cache of this.#caches.values()) if (cache.loaded) cache.bookmark(this.#revision);
    }
  }
}
