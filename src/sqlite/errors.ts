import Sqlite from 'better-sqlite3';

export type StorageErrorCode =
  /** The disk, or the database's page limit, is full. */
  | 'NoSpace'
  /** Another process holds a lock. */
  | 'Busy'
  /** Another klab server owns the folder. */
  | 'Locked'
  | 'Corrupt'
  /** Written by a newer klab. */
  | 'NewerSchema'
  /** A file that is not a klab database. */
  | 'NotADatabase'
  /** Reading or writing failed; what was committed is unknown. */
  | 'IO';

export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly code: StorageErrorCode;
  constructor(code: StorageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export const damageRemedy = '; restore a copy, or start over with `klab down --purge`';

const codes: readonly [prefix: string, code: StorageErrorCode, what: string][] = [
  ['SQLITE_FULL', 'NoSpace', 'no space left for the database'],
  ['SQLITE_BUSY', 'Busy', 'the database is locked by another process'],
  ['SQLITE_LOCKED', 'Busy', 'the database is locked by another process'],
  ['SQLITE_CORRUPT', 'Corrupt', 'the database is damaged'],
  ['SQLITE_NOTADB', 'NotADatabase', 'the file is not a klab database'],
  ['SQLITE_IOERR', 'IO', 'reading or writing the database failed'],
  ['SQLITE_READONLY', 'IO', 'the database cannot be written'],
  ['SQLITE_CANTOPEN', 'IO', 'the database cannot be opened'],
];

/** The driver's error as a StorageError; anything else comes back as it is. */
export function storageError(error: unknown, path: string): unknown {
  if (!(error instanceof Sqlite.SqliteError)) return error;
  const known = codes.find(([prefix]) => error.code.startsWith(prefix));
  if (!known) return error;
  const [, code, what] = known;
  const damaged = code === 'Corrupt' || code === 'NotADatabase';
  const remedy = damaged
    ? damageRemedy
    : error.code.startsWith('SQLITE_READONLY')
      ? '; make the file and its folder writable for the user who runs klab'
      : '';
  return new StorageError(code, `${what}: ${path}: ${error.message}${remedy}`, { cause: error });
}
