import { closeSync, fdatasyncSync, openSync } from 'node:fs';
import { StorageError } from './errors.ts';

/**
 * Brings a commit's frames to disk, in SQLite's stead (`synchronous = NORMAL`: it syncs for checkpoints alone, the WAL before
 * the database). The driver's SQLite is built with fsync, which waits for the file system's journal whenever the file's
 * time has changed, and that every few milliseconds; fdatasync waits for the frames and, where the file grew, for its size.
 * The figures are in the README.
 */
export class WalSync {
  readonly #path: string;
  readonly #sync: (fd: number) => void;
  #fd: number | undefined;

  constructor(database: string, sync: (fd: number) => void = fdatasyncSync) {
    this.#path = `${database}-wal`;
    this.#sync = sync;
  }

  /** Elsewhere the system's fdatasync is a sync of the whole drive (macOS) or the same as fsync. */
  static readonly possible: boolean = process.platform === 'linux';

  /** After a COMMIT. The file is the same as long as a connection is open. Throws StorageError IO: nothing is known then. */
  run(): void {
    try {
      this.#fd ??= openSync(this.#path, 'r');
      this.#sync(this.#fd);
    } catch (cause) {
      const { message } = cause as Error;
      throw new StorageError('IO', `cannot bring the write-ahead log to disk: ${this.#path}: ${message}`, { cause });
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
