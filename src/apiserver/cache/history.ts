/**
 * Changes older than a cache's window, read back from the store, so that a watch may start before this process did.
 * Upstream's cacher knows nothing before its own start and answers 410; here a client that reconnects after a restart
 * goes on where it was.
 */
import { type Timer, wallClock } from '../../base/index.ts';
import type { StoreEvent } from '../../etcd/index.ts';
import { StoredEntry } from '../storage/entry.ts';
import { keyBytes, keyText, prefixEnd } from '../storage/keys.ts';
import type { ObjectStore } from '../storage/store.ts';
import type { PastChange, ResourceCache } from './resource-cache.ts';

/** A real etcd leaves progress requests of a watch that is still catching up unanswered: they are repeated. */
const askAgainMs = 100;

/**
 * Makes a cache's window reach back to `revision`. False when the store no longer has all changes since (compacted), or
 * when they are more than a window holds.
 */
export async function reachBack(
  store: ObjectStore,
  cache: ResourceCache,
  revision: number,
  signal: AbortSignal,
): Promise<boolean> {
  const key = keyBytes(cache.prefix);
  const stream = store.kv.watch({ key, rangeEnd: prefixEnd(key), startRevision: revision + 1, prevKv: true });
  const past = new PastChanges(cache);
  let timer: Timer | undefined;
  const ask = () => {
    stream.requestProgress();
    timer = wallClock.schedule(askAgainMs, ask);
  };
  const onAbort = () => stream.cancel();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    if (signal.aborted) return false;
    ask();
    for await (const response of stream) {
      if (response.canceled) return false;
      for (const event of response.events) if (!past.add(event)) return false;
      if (response.created && response.events.length === 0) continue;
      // Between this look at the window and the join nothing else runs: no gap, no repeat.
      if (response.revision >= cache.oldestStart) return cache.reachBack(revision, past.changes);
      if (past.changes.length > cache.mostPastChanges) return false;
    }
    return false;
  } finally {
    timer?.cancel();
    signal.removeEventListener('abort', onAbort);
    stream.cancel();
  }
}

/** The changes as the cache would have seen them: each with the state before it. */
class PastChanges {
  readonly changes: PastChange[] = [];
  readonly #cache: ResourceCache;
  readonly #states = new Map<string, StoredEntry | undefined>();

  constructor(cache: ResourceCache) {
    this.#cache = cache;
  }

  /** False when the state before the event is compacted. */
  add(event: StoreEvent): boolean {
    const { kv, prevKv } = event;
    const key = keyText(kv.key);
    const created = event.type === 'put' && kv.createRevision === kv.modRevision;
    let prev = this.#states.get(key);
    if (!prev && !created) {
      if (!prevKv) return false;
      prev = this.#entry(key, prevKv.value, prevKv.modRevision);
    }
    const entry = event.type === 'put' ? this.#entry(key, kv.value, kv.modRevision) : undefined;
    this.#states.set(key, entry);
    this.changes.push({ key, revision: kv.modRevision, entry, prev: created ? undefined : prev });
    return true;
  }

  #entry(key: string, value: Uint8Array, revision: number): StoredEntry {
    const cached = this.#cache.get(key);
    return cached?.revision === revision ? cached : new StoredEntry(key, value, revision);
  }
}
