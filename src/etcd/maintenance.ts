import { Slicer, yieldToEventLoop } from '../base/index.ts';
import type { PrunePolicy, Store } from '../mvcc/index.ts';
import type { ClusterStorage } from './storage.ts';

export interface HistoryBounds {
  /** Bytes of the database from which the oldest history goes. Default 1 GiB; Infinity: never. */
  readonly historySize?: number;
  /** Ms after which history goes. Default unlimited. */
  readonly historyAge?: number;
  /** Keys whose history is short, and its age in ms. Default: leases and events, 10 minutes. */
  readonly shortHistory?: { readonly prefixes: readonly string[]; readonly ageMs: number };
}

const defaultShortHistory = { prefixes: ['/registry/leases/', '/registry/events/'], ageMs: 10 * 60 * 1000 };
export const defaultHistorySize = 1024 ** 3;
/** Revisions looked at in one transaction. */
const pruneSlice = 256;

/**
 * Drops history beyond its bounds, a slice a turn. Never what etcd still promises: revisions since the last compaction,
 * and what the member that lags most still reads.
 */
export async function pruneHistory(
  storage: ClusterStorage,
  store: Store,
  options: { bounds: HistoryBounds; lowest: () => number; now: number; commit: () => boolean; signal: AbortSignal },
): Promise<void> {
  const { bounds, now } = options;
  const upTo = () => Math.min(store.compactRevision, options.lowest());
  const short = bounds.shortHistory ?? defaultShortHistory;
  const run = async (policy: Omit<PrunePolicy, 'upTo'>, goOn: () => boolean) => {
    while (!options.signal.aborted && goOn()) {
      const more = store.backend.prune({ ...policy, upTo: upTo() }, pruneSlice);
      if (!options.commit() || !more) return;
      await yieldToEventLoop();
    }
  };
  const prefixes = short.prefixes.map((p) => Buffer.from(p));
  await run({ name: 'short', prefixes, olderThan: now - short.ageMs }, () => true);
  if (bounds.historyAge !== undefined && bounds.historyAge !== Number.POSITIVE_INFINITY)
    await run({ name: 'all', olderThan: now - bounds.historyAge }, () => true);
  const limit = bounds.historySize ?? defaultHistorySize;
  await run({ name: 'all', olderThan: Number.MAX_SAFE_INTEGER }, () => storage.size().inUse > limit);
}

/** Takes compacted revisions out of the index, in slices that leave the loop free. */
export async function compactIndex(store: Store, lowest: () => number, signal: AbortSignal): Promise<void> {
  const slicer = new Slicer();
  while (!signal.aborted && store.compactSlice(lowest())) if (slicer.due) await slicer.pause();
}
