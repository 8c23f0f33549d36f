import { statSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { storageError } from './errors.ts';

export interface DatabaseUse {
  /** Bytes of the file, and of it what is free for new rows. */
  readonly databaseBytes: number;
  readonly freeBytes: number;
  /** Bytes of the write-ahead log beside it. */
  readonly walBytes: number;
  /** What exists now: keys, and bytes of their keys and values. */
  readonly live: { readonly rows: number; readonly bytes: number };
  /** Revisions that were superseded, tombstones among them. */
  readonly history: { readonly rows: number; readonly bytes: number };
  /** Cluster-clock ms at which the oldest revision of the history was written. */
  readonly oldest?: number;
}

const measure = (from: string) =>
  `SELECT count(*) AS rows, ifnull(sum(length(kv.key) + ifnull(length(kv.value), 0)), 0) AS bytes FROM ${from}`;

/**
 * What a cluster's database holds. Reads only, and only the heads of rows: SQLite knows a blob's length without reading
 * it. A server may run on it. Throws StorageError.
 */
export function measureDatabase(path: string): DatabaseUse {
  let db: Sqlite.Database | undefined;
  try {
    db = new Sqlite(path, { readonly: true, fileMustExist: true, timeout: 2000 });
    const sure = db;
    return db.transaction(() => {
      const pragma = (name: string) => sure.pragma(name, { simple: true }) as number;
      const all = sure.prepare(measure('kv')).get() as DatabaseUse['live'];
      const live = sure.prepare(measure('latest CROSS JOIN kv ON kv.id = latest.id')).get() as DatabaseUse['live'];
      const history = { rows: all.rows - live.rows, bytes: all.bytes - live.bytes };
      const oldest = sure.prepare('SELECT time FROM kv ORDER BY id LIMIT 1').pluck().get() as number | undefined;
      return {
        databaseBytes: pragma('page_count') * pragma('page_size'),
        freeBytes: pragma('freelist_count') * pragma('page_size'),
        walBytes: statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0,
        live,
        history,
        ...(history.rows > 0 && oldest !== undefined && { oldest }),
      };
    })();
  } catch (error) {
    throw storageError(error, path);
  } finally {
    db?.close();
  }
}
