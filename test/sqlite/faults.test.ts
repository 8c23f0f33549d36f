/** Files that somebody cut, emptied, overwrote or locked: refused in words that say which file and what to do. */
import { chmodSync, closeSync, openSync, statSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect, test } from 'vitest';
import { storageError } from '../../src/sqlite/errors.ts';
import { openStorage, StorageError } from '../../src/sqlite/index.ts';
import { tempDir } from './helpers.ts';

/** A database of some hundred revisions, closed. */
async function filled(): Promise<string> {
  const path = join(tempDir(), 'cluster.db');
  const storage = openStorage({ path });
  for (let main = 2; main < 300; main++) {
    const row = { key: Buffer.from(`k${main}`), value: Buffer.alloc(1000), main, sub: 0, createRevision: main };
    storage.backend.append({ ...row, version: 1, lease: 0, tombstone: false, time: 0 });
  }
  storage.commit();
  await storage.close();
  return path;
}

function refusal(work: () => unknown): StorageError {
  try {
    work();
  } catch (error) {
    if (error instanceof StorageError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

test.each([0.7, 0.3, 0])('a file of which %d is left', async (part) => {
  const path = await filled();
  truncateSync(path, Math.floor(statSync(path).size * part));
  const { code, message } = refusal(() => openStorage({ path }));
  expect(code).toBe('Corrupt');
  expect(message).toContain(path);
  expect(message).toContain('restore a copy, or start over with `klab down --purge`');
  // Refusing has changed nothing: a copy can still be put there, and what is left be looked at.
  expect(refusal(() => openStorage({ path })).message).toBe(message);
});

test('a page overwritten in the middle is found by the check, or by whoever reads it', async () => {
  const path = await filled();
  const fd = openSync(path, 'r+');
  const pages = Math.floor(statSync(path).size / 4096);
  for (let page = pages >> 1; page < pages; page++) writeSync(fd, Buffer.alloc(4096, 0x5a), 0, 4096, page * 4096);
  closeSync(fd);
  let found: string;
  try {
    const storage = openStorage({ path });
    found = storage.check().join();
    await storage.close();
  } catch (error) {
    found = (error as StorageError).code;
  }
  expect(found).toMatch(/Corrupt|Tree \d+ page|invalid page number|btreeInitPage/i);
});

test('a database that may not be written says who must be able to', () => {
  const error = new Sqlite.SqliteError('attempt to write a readonly database', 'SQLITE_READONLY');
  expect(storageError(error, '/x/cluster.db')).toMatchObject({
    code: 'IO',
    message:
      'the database cannot be written: /x/cluster.db: attempt to write a readonly database; make the file and its folder ' +
      'writable for the user who runs klab',
  });
});

// The superuser may write what he likes.
test.skipIf(process.getuid?.() === 0)('a read-only file is refused at once', async () => {
  const path = await filled();
  chmodSync(path, 0o444);
  const { code, message } = refusal(() => openStorage({ path }));
  expect(code).toBe('IO');
  expect(message).toContain('writable for the user who runs klab');
});
