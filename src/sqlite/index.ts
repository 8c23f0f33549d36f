/**
 * sqlite: the one room that loads the driver. A cluster's database: revisions, Raft logs, side tables, migrations,
 * the folder's lock. Synchronous, one transaction a loop turn, on disk when `commit` returns.
 */
export { type CheckFinding, type CheckReport, checkDatabase } from './check.ts';
export { StorageError, type StorageErrorCode } from './errors.ts';
export { acquireLock, type FolderLock } from './lock.ts';
export { type DatabaseUse, measureDatabase } from './measure.ts';
export { type SideEntry, SideTable } from './side-table.ts';
export { openStorage, SqliteStorage, type StorageOptions } from './storage.ts';
