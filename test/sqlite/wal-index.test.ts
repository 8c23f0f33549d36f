import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect, test } from 'vitest';
import { WalIndex } from '../../src/sqlite/wal-index.ts';

test('the head of the wal-index says what SQLite itself says of its log', () => {
  const dir = mkdtempSync(join(tmpdir(), 'klab-wal-index-'));
  const path = join(dir, 'a.db');
  const index = new WalIndex(path);
  const nothing = { frames: 0, waiting: 0 };
  expect(index.read()).toEqual(nothing);
  const db = new Sqlite(path);
  try {
    db.pragma('journal_mode = WAL');
    db.pragma('wal_autocheckpoint = 0');
    db.exec('CREATE TABLE t (a)');
    const write = () => db.prepare('INSERT INTO t VALUES (zeroblob(100000))').run();
    write();
    const { frames, waiting } = index.read();
    expect(frames).toBeGreaterThan(20);
    expect(waiting).toBe(frames);
    const [told] = db.pragma('wal_checkpoint(PASSIVE)') as { log: number; checkpointed: number }[];
    expect(told).toMatchObject({ log: frames, checkpointed: frames });
    expect(index.read()).toEqual({ frames, waiting: 0 });
    // The log starts over: the file keeps its size, and fewer frames count.
    db.prepare('INSERT INTO t VALUES (1)').run();
    const after = index.read();
    expect(after.frames).toBeLessThan(frames);
    expect(after.waiting).toBe(after.frames);
  } finally {
    index.close();
    db.close();
    rmSync(dir, { recursive: true });
  }
});
