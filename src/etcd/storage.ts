import { type Backend, MemoryBackend } from '../mvcc/index.ts';
import { type ConfState, type Entry, type EntryCodec, type LogStore, MemoryStorage } from '../raft/index.ts';

/**
 * What a cluster needs of its storage: one transaction over the MVCC backend and every member's log. The first write
 * opens it. Served by `openStorage` of the sqlite room, and in memory by `memoryStorage`.
 */
export interface ClusterStorage {
  readonly backend: Backend;
  setCodec(codec: EntryCodec): void;
  /** Log of a member (1, 2, …); `initial` is its configuration when it is new. */
  log(member: number, initial: ConfState): LogStore;
  /** Members that have state here. */
  members(): number[];
  /** Forgets a member's log and state: it was removed. */
  dropLog(member: number): void;
  /** The entry was applied: its values need not be stored with it any longer. */
  markApplied(entry: Entry): void;
  /** Called when others (side tables) wait for a commit. */
  onPending: () => void;
  readonly dirty: boolean;
  /**
   * Makes everything since the last commit durable. A thrown error whose `code` is `NoSpace` or `Busy` allows to
   * `rollback` and go on; after any other the cluster stops.
   */
  commit(): void;
  rollback(): void;
  /** An error thrown inside a transaction, with a `code` where the storage knows it. */
  explain(error: unknown): unknown;
  getMeta(key: string): string | undefined;
  setMeta(key: string, value: string): void;
  size(): { readonly total: number; readonly inUse: number };
  /** Gives free space back, `pages` at a time; returns whether more is free. */
  shrink(pages: number): boolean;
  /** Sees to it that nothing deleted is left on the disk. Not in a transaction. */
  scrub(): void;
  close(): Promise<void>;
}

/** Nothing survives the process: `--store memory`, tests, simulations. */
export function memoryStorage(): ClusterStorage {
  const backend = new MemoryBackend();
  const logs = new Map<number, LogStore>();
  const meta = new Map<string, string>();
  return {
    backend,
    setCodec() {},
    log(member, initial) {
      let log = logs.get(member);
      if (!log) {
        log = new MemoryStorage(initial);
        logs.set(member, log);
      }
      return log;
    },
    members: () => [...logs.keys()].sort((a, b) => a - b),
    dropLog(member) {
      logs.delete(member);
    },
    markApplied() {},
    onPending() {},
    dirty: false,
    commit() {},
    rollback() {},
    explain: (error) => error,
    getMeta: (key) => meta.get(key),
    setMeta(key, value) {
      meta.set(key, value);
    },
    size: () => ({ total: backend.bytes, inUse: backend.bytes }),
    shrink: () => false,
    scrub() {},
    async close() {},
  };
}
