import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { StorageError, storageError } from './errors.ts';

export interface FolderLock {
  release(): void;
}

/**
 * Makes this process the owner of a cluster's folder: `lock.db` in it, held with BEGIN EXCLUSIVE. The lock dies with
 * the process, however it dies. Throws StorageError Locked when another one holds it.
 */
export function acquireLock(dir: string): FolderLock {
  const path = join(dir, 'lock.db');
  let db: Sqlite.Database | undefined;
  try {
    db = new Sqlite(path, { timeout: 0 });
    db.pragma('journal_mode = DELETE');
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db?.close();
    const known = storageError(error, path);
    if (known instanceof StorageError && known.code === 'Busy') {
      throw new StorageError('Locked', `another klab server runs on ${dir}`, { cause: error });
    }
    throw known;
  }
  const held = db;
  return {
    release() {
      if (!held.open) return;
      held.exec('ROLLBACK');
      held.close();
    },
  };
}
