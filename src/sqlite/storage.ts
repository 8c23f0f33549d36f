import type { ConfState, Entry, EntryCodec, LogStore } from '../raft/index.ts';
import { SqliteBackend } from './backend.ts';
import { Checkpointer } from './checkpointer.ts';
import { Database, type DatabaseOptions } from './database.ts';
import { EntryTable } from './entry-table.ts';
import { StorageError, storageError } from './errors.ts';
import { SqliteLogStore } from './raft-storage.ts';
import { metaRow, metaSum, notAsWritten } from './row-sum.ts';
import { SideTable } from './side-table.ts';

export interface StorageOptions extends DatabaseOptions {
  /** The database file, made when absent; `:memory:` for a private one. */
  readonly path: string;
}

/**
 * One cluster's database: the MVCC backend, every member's Raft log, side tables; one transaction for all of them.
 * The first write opens it; `commit` writes what was kept back and ends it. Throws StorageError.
 */
export class SqliteStorage {
  readonly backend: SqliteBackend;
  readonly side: SideTable;
  readonly #database: Database;
  readonly #entries: EntryTable;
  readonly #logs = new Map<number, SqliteLogStore>();
  readonly #checkpointer: Checkpointer;
  /** Lowest index some log still holds, minus one: entries up to it are dropped. */
  #dropped = 0;

  constructor(options: StorageOptions) {
    this.#database = new Database(options.path, options);
    try {
      this.backend = new SqliteBackend(this.#database);
      this.#entries = new EntryTable(this.#database, (revision, sub) => this.backend.value(revision, sub));
      this.side = new SideTable(this.#database);
    } catch (error) {
      this.#database.close();
      throw storageError(error, options.path);
    }
    this.#checkpointer = new Checkpointer(
      options.path,
      () => this.#database.wal(),
      () => this.#database.checkpoint(),
    );
  }

  get path(): string {
    return this.#database.path;
  }

  setCodec(codec: EntryCodec): void {
    this.#entries.setCodec(codec);
  }

  /** The log of a member (1, 2, …); `initial` is its configuration when it is new. */
  log(member: number, initial: ConfState): LogStore {
    let log = this.#logs.get(member);
    if (!log) {
      log = this.#guard(() => new SqliteLogStore(this.#database, this.#entries, member, initial));
      this.#logs.set(member, log);
    }
    return log;
  }

  /** Members that have state here. */
  members(): number[] {
    return this.#database.db
      .prepare('SELECT member FROM progress WHERE member > 0 ORDER BY member')
      .pluck()
      .all() as number[];
  }

  /** Forgets a member's log and state: it was removed. */
  dropLog(member: number): void {
    this.#guard(() => {
      this.#database.write();
      for (const table of ['raft_term', 'progress', 'raft_snapshot']) {
        this.#database.db.prepare(`DELETE FROM ${table} WHERE member = ?`).run(member);
      }
      this.#logs.delete(member);
    });
  }

  markApplied(entry: Entry): void {
    this.#entries.markApplied(entry);
  }

  get onPending(): () => void {
    return this.side.onPending;
  }

  set onPending(wake: () => void) {
    this.side.onPending = wake;
  }

  /** True when a commit has something to do. */
  get dirty(): boolean {
    return this.#database.inTransaction || this.side.hasPending;
  }

  /**
   * Makes everything written since the last commit durable. Throws StorageError: `NoSpace` and `Busy` after having
   * rolled back, so that the caller may go on; after any other nothing is known, and the caller must stop.
   */
  commit(): void {
    this.#guard(() => {
      this.side.flush();
      if (!this.#database.inTransaction) return;
      this.#dropEntries();
      this.backend.flush();
      for (const log of this.#logs.values()) log.flush();
      this.#entries.flush();
      this.#database.commit();
    });
    this.side.committed();
    this.#checkpointer.committed();
  }

  /** Takes back everything since the last commit, here and in what is kept in memory. */
  rollback(): void {
    this.#guard(() => this.#database.rollback());
    this.side.rolledBack();
    this.backend.reload();
    this.#entries.reload();
    for (const log of this.#logs.values()) log.reload();
  }

  /** Entries that all logs have compacted away. */
  #dropEntries(): void {
    let lowest = Number.POSITIVE_INFINITY;
    for (const log of this.#logs.values()) lowest = Math.min(lowest, log.firstIndex() - 1);
    if (this.#logs.size === 0 || lowest <= this.#dropped) return;
    this.#dropped = lowest;
    this.#entries.dropUpTo(lowest);
  }

  /** What went wrong inside a transaction, as a StorageError where it is one. */
  explain(error: unknown): unknown {
    return storageError(error, this.#database.path);
  }

  getMeta(key: string): string | undefined {
    const row = this.#database.db.prepare('SELECT value, crc FROM meta WHERE key = ?').get(key) as
      | { value: string; crc: number | null }
      | undefined;
    if (row && row.crc !== null && row.crc !== metaSum(key, row.value)) throw notAsWritten(this.path, metaRow(key));
    return row?.value;
  }

  setMeta(key: string, value: string): void {
    this.#database.write();
    this.#database.db
      .prepare('INSERT OR REPLACE INTO meta (key, value, crc) VALUES (?, ?, ?)')
      .run(key, value, metaSum(key, value));
  }

  /** Bytes of the database, and of the part of it that holds data. */
  size(): { total: number; inUse: number } {
    return this.#database.size();
  }

  /** Gives at most `pages` free pages back to the file system; returns whether more are free. Not in a transaction. */
  shrink(pages: number): boolean {
    return this.#guard(() => {
      this.#database.db.pragma(`incremental_vacuum(${pages})`);
      return this.#database.pragma('freelist_count') > 0;
    });
  }

  /**
   * Writes the whole database anew, so that nothing of what was deleted is left in the file or in the write-ahead log.
   * Not in a transaction; takes about a second for 100 MB, in which nothing else happens. Throws StorageError `Busy` when
   * another process reads an older state: the log cannot go then.
   */
  scrub(): void {
    this.#guard(() => {
      const { db } = this.#database;
      // A copy in memory could be larger than memory.
      db.pragma('temp_store = FILE');
      try {
        db.exec('VACUUM');
      } finally {
        db.pragma('temp_store = MEMORY');
      }
      const [result] = db.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
      if (result?.busy) {
        throw new StorageError('Busy', `another process reads ${this.#database.path}: end it and try again`);
      }
    });
  }

  /** A full check of the file's structure; slow. Returns what is wrong. */
  check(): string[] {
    const rows = this.#database.db.pragma('quick_check') as { quick_check: string }[];
    return rows.map((row) => row.quick_check).filter((text) => text !== 'ok');
  }

  /** Rows of a read-only query, for people: `klab sql`. Throws when the statement would write. */
  query(sql: string, limit = 1000): { columns: string[]; rows: unknown[][] } {
    const statement = this.#database.db.prepare(sql);
    if (!statement.readonly || !statement.reader) throw new Error('only queries are allowed');
    const columns = statement.columns().map((c) => c.name);
    const rows: unknown[][] = [];
    for (const row of statement.raw().iterate() as Iterable<unknown[]>) {
      if (rows.length >= limit) break;
      rows.push(row);
    }
    return { columns, rows };
  }

  async close(): Promise<void> {
    await this.#checkpointer.close();
    this.#database.rollback();
    this.#database.close();
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw storageError(error, this.#database.path);
    }
  }
}

/** Opens or makes a cluster's database. Throws StorageError with what is wrong and what to do. */
export function openStorage(options: StorageOptions): SqliteStorage {
  return new SqliteStorage(options);
}
