import { Slicer, yieldToEventLoop } from '../base/index.ts';
import type { PrunePolicy, Row, Store } from '../mvcc/index.ts';
import { crc32c } from './bolt/crc32c.ts';
import type { ClusterStorage } from './storage.ts';

export interface HistoryBounds {
  /** Bytes of the database from which the oldest history goes. Default 1 GiB. */
  readonly historySize?: number;
  /** Ms after which history goes. Default unlimited. */
  readonly historyAge?: number;
  /** Keys whose history is short, and its age in ms. Default: leases and events, 10 minutes. */
  readonly shortHistory?: { readonly prefixes: readonly string[]; readonly ageMs: number };
}

const defaultShortHistory = { prefixes: ['/registry/leases/', '/registry/events/'], ageMs: 10 * 60 * 1000 };
const defaultHistorySize = 1024 ** 3;
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
  if (bounds.historyAge !== undefined) await run({ name: 'all', olderThan: now - bounds.historyAge }, () => true);
  const limit = bounds.historySize ?? defaultHistorySize;
  await run({ name: 'all', olderThan: Number.MAX_SAFE_INTEGER }, () => storage.size().inUse > limit);
}

/** Takes compacted revisions out of the index, in slices that leave the loop free. */
export async function compactIndex(store: Store, lowest: () => number, signal: AbortSignal): Promise<void> {
  const slicer = new Slicer();
  while (!signal.aborted && store.compactSlice(lowest())) if (slicer.due) await slicer.pause();
}

/**
 * CRC-32C of the state at the compacted revision and of every revision after it up to `revision`. Equal for equal
 * histories, whatever was pruned below.
 */
export async function hashHistory(store: Store, compactRevision: number, revision: number): Promise<number> {
  const slicer = new Slicer();
  let crc = 0;
  const add = (row: Row) => {
    const head = Buffer.alloc(48);
    head.writeDoubleBE(row.main, 0);
    head.writeDoubleBE(row.sub, 8);
    head.writeDoubleBE(row.tombstone ? 0 : row.createRevision, 16);
    head.writeDoubleBE(row.version, 24);
    head.writeDoubleBE(row.lease, 32);
    head.writeDoubleBE(row.key.length, 40);
    crc = crc32c(row.value, crc32c(row.key, crc32c(head, crc)));
  };
  let start: Uint8Array = new Uint8Array(0);
  for (;;) {
    const rows = store.backend.rangeAt(start, undefined, compactRevision, 256);
    for (const row of rows) add(row);
    if (rows.length < 256) break;
    start = Buffer.concat([rows.at(-1)!.key, Buffer.alloc(1)]);
    if (slicer.due) await slicer.pause();
  }
  for (let from = compactRevision; from < revision; ) {
    const rows = store.backend.changes({ from, to: revision, limit: 256 });
    for (const row of rows) add(row);
    if (rows.length < 256) break;
    from = rows.at(-1)!.main;
    if (slicer.due) await slicer.pause();
  }
  return crc;
}
