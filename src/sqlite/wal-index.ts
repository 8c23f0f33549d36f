import { closeSync, openSync, readSync } from 'node:fs';
import { endianness } from 'node:os';

/** Where the header has the number of the last frame that counts, and the one up to which checkpoints came. */
const mxFrameAt = 16;
const backfillAt = 96;
const bigEndian = endianness() === 'BE';

/**
 * How far the write-ahead log is filled, from the wal-index beside it (`-shm`), whose head is a documented format: "The
 * WAL-Index File Format", sqlite.org/walformat.html. The size of the `-wal` file says nothing of it: a log that started over
 * keeps its size. Two numbers read while another connection moves them may be of different moments; nothing but the time of
 * the next checkpoint hangs on them.
 */
export class WalIndex {
  readonly #path: string;
  readonly #bytes = Buffer.alloc(backfillAt + 4);
  #fd: number | undefined;

  constructor(database: string) {
    this.#path = `${database}-shm`;
  }

  /** Frames (pages) of the log that count, and those of them not yet moved into the database. Zeros when there is no log. */
  read(): { readonly frames: number; readonly waiting: number } {
    const bytes = this.#bytes;
    try {
      this.#fd ??= openSync(this.#path, 'r');
      if (readSync(this.#fd, bytes, 0, bytes.length, 0) < bytes.length) return { frames: 0, waiting: 0 };
    } catch {
      return { frames: 0, waiting: 0 };
    }
    // In the machine's own byte order.
    const number = (at: number) => (bigEndian ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at));
    const frames = number(mxFrameAt);
    return { frames, waiting: Math.max(0, frames - number(backfillAt)) };
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
