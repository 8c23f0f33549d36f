/** Snapshots as files: the pure formats above, driven over a file descriptor. */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { Slicer } from '../../base/index.ts';
import { defaultPageSize } from './format.ts';
import { type SnapshotHead, SnapshotReader, type SnapshotRevision, SnapshotWriter } from './snapshot.ts';

/** Bytes hashed and copied at a time. */
const step = 1 << 18;

/**
 * Writes a snapshot as etcd does: the database, then its SHA-256. `revisions` come in order; other tasks get their turn in
 * between. A file that could not be finished is removed.
 */
export async function writeSnapshotFile(
  path: string,
  head: SnapshotHead,
  revisions: Iterable<SnapshotRevision> | AsyncIterable<SnapshotRevision>,
): Promise<void> {
  const fd = openSync(path, 'wx+', 0o600);
  try {
    const slicer = new Slicer();
    let size = 2 * defaultPageSize;
    writeSync(fd, Buffer.alloc(size), 0, size, 0);
    const writer = new SnapshotWriter((pages) => {
      writeAll(fd, pages, size);
      size += pages.length;
    }, head);
    for await (const revision of revisions) {
      writer.add(revision);
      if (slicer.due) await slicer.pause();
    }
    writeAll(fd, writer.finish(), 0);
    const hash = createHash('sha256');
    for (let at = 0; at < size; at += step) {
      hash.update(readAt(fd, at, Math.min(step, size - at)));
      if (slicer.due) await slicer.pause();
    }
    writeAll(fd, hash.digest(), size);
    fsyncSync(fd);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** Opens a snapshot, lets `use` read it, and closes it. @throws BoltError, or the file system's error */
export function withSnapshotFile<T>(path: string, use: (snapshot: SnapshotReader) => T): T {
  const fd = openSync(path, 'r');
  try {
    return use(new SnapshotReader((offset, length) => readAt(fd, offset, length), fstatSync(fd).size));
  } finally {
    closeSync(fd);
  }
}

function writeAll(fd: number, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
}

function readAt(fd: number, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const read = readSync(fd, bytes, done, length - done, offset + done);
    if (read === 0) break;
    done += read;
  }
  return bytes.subarray(0, done);
}
