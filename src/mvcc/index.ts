/**
 * mvcc: every revision of every key. An index of keys over a backend, transactions, watchers, leases, compaction.
 * Synchronous; durable when the backend's owner commits. Upstream: etcd server/storage/mvcc, server/lease.
 */

export { IntervalIndex } from './interval-index.ts';
export { KeyEntry, KeyIndex, type Revision } from './key-index.ts';
export { compareLeaseIds, type LeaseId, leaseIdOf } from './lease-id.ts';
export type { Lease } from './lessor.ts';
export { MemoryBackend } from './memory-backend.ts';
export { type RangeOptions, type RangeResult, type RevisionChanges, Store, type StoreOptions } from './store.ts';
export {
  asBuffer,
  type Backend,
  type BackendDump,
  type BackendState,
  type ChangesQuery,
  compacted,
  type Event,
  emptyBytes,
  futureRevision,
  type HistoryQuery,
  inRange,
  isDamage,
  type KeyRange,
  type KeyValue,
  keyBytes,
  keyRange,
  keyString,
  type LatestRow,
  type LeaseRow,
  MvccError,
  type MvccErrorCode,
  type PrunePolicy,
  prefixEnd,
  type Row,
  type RowProvenance,
} from './types.ts';
export { type WatchAnswer, Watcher, WatchHub, type WatchOptions } from './watch.ts';
export { WriteTxn } from './write-txn.ts';
