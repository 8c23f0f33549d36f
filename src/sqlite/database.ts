import { chmodSync, statSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { type WalUse, walLimit } from './checkpointer.ts';
import { StorageError, storageError } from './errors.ts';
import { applicationId, migrations } from './schema.ts';
import { WalIndex } from './wal-index.ts';
import { WalSync } from './wal-sync.ts';

export interface DatabaseOptions {
  /** Instead of fdatasync, and on every system; for tests. */
  readonly sync?: (fd: number) => void;
  /** Pages at most; for tests of a full disk. Default unlimited. */
  readonly maxPages?: number;
  /** PRAGMA settings instead of klab's; for measurements (`test/bench/pragmas.ts`). */
  readonly pragmas?: Pragmas;
}

type Pragmas = Readonly<Record<string, string | number>>;

/** Why each, with figures: README.md. These count only while the file is empty. */
const ofNewFiles: Pragmas = { page_size: 2048, auto_vacuum: 'INCREMENTAL' };

const ofConnections: Pragmas = {
  wal_autocheckpoint: 0,
  journal_size_limit: 2 * walLimit,
  cache_size: -16_384,
  temp_store: 'MEMORY',
};

/**
 * One connection with klab's settings: WAL, a commit is on disk when it returns (`WalSync` or `synchronous=FULL`), no automatic
 * checkpoints, schema migrated. Transactions are opened by the first write and ended by the owner.
 */
export class Database {
  readonly path: string;
  readonly db: Sqlite.Database;
  readonly #begin: Sqlite.Statement;
  readonly #commit: Sqlite.Statement;
  readonly #rollback: Sqlite.Statement;
  readonly #walSync: WalSync | undefined;
  readonly #walIndex: WalIndex;
  readonly #pageSize: number;

  /** Throws StorageError NewerSchema, NotADatabase, Corrupt, IO, Busy. `path` may be `:memory:`. */
  constructor(path: string, options: DatabaseOptions = {}) {
    this.path = path;
    refuseEmptied(path);
    this.#walIndex = new WalIndex(path);
    const own = path !== ':memory:' && (WalSync.possible || options.sync !== undefined);
    this.#walSync = own ? new WalSync(path, options.sync) : undefined;
    try {
      this.db = new Sqlite(path, { timeout: 2000 });
    } catch (error) {
      throw storageError(error, path);
    }
    try {
      this.#prepare(options);
      this.#pageSize = this.pragma('page_size');
      this.#begin = this.db.prepare('BEGIN IMMEDIATE');
      this.#commit = this.db.prepare('COMMIT');
      this.#rollback = this.db.prepare('ROLLBACK');
    } catch (error) {
      this.db.close();
      throw storageError(error, path);
    }
  }

  #prepare(options: DatabaseOptions): void {
    const { db } = this;
    const version = db.pragma('user_version', { simple: true }) as number;
    const tables = db.prepare('SELECT count(*) FROM sqlite_master').pluck().get() as number;
    const owner = db.pragma('application_id', { simple: true }) as number;
    if (tables > 0 && owner !== applicationId) {
      throw new StorageError('NotADatabase', `the file is not a klab database: ${this.path}`);
    }
    if (version > migrations.length) {
      throw new StorageError(
        'NewerSchema',
        `${this.path} was written by a newer klab (schema ${version}, this one knows ${migrations.length}): ` +
          'use that version, or start over with `klab down --purge`',
      );
    }
    const set = (pragmas: Pragmas) => {
      for (const [name, value] of Object.entries(pragmas)) db.pragma(`${name} = ${options.pragmas?.[name] ?? value}`);
    };
    if (tables === 0) set(ofNewFiles);
    if (db.pragma('journal_mode', { simple: true }) !== 'wal') db.pragma('journal_mode = WAL');
    set({ synchronous: this.#walSync ? 'NORMAL' : 'FULL', ...ofConnections });
    if (options.maxPages) db.pragma(`max_page_count = ${options.maxPages}`);
    for (let v = version; v < migrations.length; v++) {
      db.transaction(() => {
        db.exec(migrations[v]!);
        db.pragma(`user_version = ${v + 1}`);
        db.pragma(`application_id = ${applicationId}`);
      }).immediate();
    }
    if (tables === 0) keepPrivate(this.path);
  }

  get inTransaction(): boolean {
    return this.db.inTransaction;
  }

  /** Opens a transaction unless one is open. */
  write(): void {
    if (!this.db.inTransaction) this.#begin.run();
  }

  /** Ends the transaction, if one is open; when it returns, what was written is on disk. */
  commit(): void {
    if (!this.db.inTransaction) return;
    this.#commit.run();
    this.#walSync?.run();
  }

  rollback(): void {
    if (this.db.inTransaction) this.#rollback.run();
  }

  pragma(name: string): number {
    return this.db.pragma(name, { simple: true }) as number;
  }

  /** Bytes of the file's pages, and of those that hold data. */
  size(): { total: number; inUse: number } {
    const pageSize = this.pragma('page_size');
    const pages = this.pragma('page_count');
    return { total: pages * pageSize, inUse: (pages - this.pragma('freelist_count')) * pageSize };
  }

  /** Bytes of pages in the write-ahead log, and of those a checkpoint has yet to move. */
  wal(): WalUse {
    const { frames, waiting } = this.#walIndex.read();
    return { bytes: frames * this.#pageSize, waiting: waiting * this.#pageSize };
  }

  /** Moves what it can of the write-ahead log into the file, unless a transaction or a reader is in the way. */
  checkpoint(): void {
    if (!this.db.inTransaction) this.db.pragma('wal_checkpoint(PASSIVE)');
  }

  close(): void {
    this.#walSync?.close();
    this.#walIndex.close();
    this.db.close();
  }
}

/** A new database is its owner's alone: it holds Secrets. SQLite gives the files beside it the mode that it has by then. */
function keepPrivate(path: string): void {
  if (path === ':memory:') return;
  for (const file of [path, `${path}-wal`, `${path}-shm`]) {
    if (statSync(file, { throwIfNoEntry: false })) chmodSync(file, 0o600);
  }
}

/** SQLite takes an empty file for a new database: who lost all would be told nothing. */
function refuseEmptied(path: string): void {
  const size = (file: string) => statSync(file, { throwIfNoEntry: false })?.size;
  if (size(path) !== 0 || size(`${path}-wal`)) return;
  throw new StorageError(
    'Corrupt',
    `the database is empty: ${path}: something cut it off, for klab fills it as it makes it; restore a copy, or start over ` +
      'with `klab down --purge`',
  );
}
