import { spawnSync } from 'node:child_process';
import { existsSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { yieldToEventLoop } from '../../src/base/index.ts';
import type { Entry, EntryCodec } from '../../src/raft/index.ts';
import { checkDatabase } from '../../src/sqlite/check.ts';
import { acquireLock, openStorage, StorageError } from '../../src/sqlite/index.ts';
import { applicationId, migrations } from '../../src/sqlite/schema.ts';
import { backendConformance, type OpenBackend } from '../mvcc/backend-conformance.ts';
import { tempDir } from './helpers.ts';

const codec: EntryCodec = {
  encode: (e) => ({ type: 'txn', request: JSON.stringify(e.data), size: e.size }),
  decode: (e) => ({ data: JSON.parse(e.request), size: e.size }),
};
const conf = { voters: [1, 2, 3], learners: [] };

function entry(index: number, term: number): Entry {
  return { index, term, type: 'normal', data: { n: index }, size: 10 };
}

describe('a store on SQLite', () => {
  const open = (path: string): OpenBackend => {
    const storage = openStorage({ path });
    return {
      backend: storage.backend,
      commit: () => storage.commit(),
      reopen: () => {
        void storage.close();
        return open(path);
      },
      close: () => void storage.close(),
    };
  };
  backendConformance(() => open(join(tempDir(), 'cluster.db')));
});

describe('a commit', () => {
  test('is brought to disk before it returns, once, after its frames are written', async () => {
    const path = join(tempDir(), 'cluster.db');
    const synced: number[] = [];
    const storage = openStorage({
      path,
      sync: (fd) => {
        if (process.platform === 'linux') expect(readlinkSync(`/proc/self/fd/${fd}`)).toBe(`${path}-wal`);
        synced.push(statSync(`${path}-wal`).size);
      },
    });
    storage.setMeta('a', 'x'.repeat(100_000));
    expect(synced).toEqual([]);
    storage.commit();
    expect(synced).toEqual([statSync(`${path}-wal`).size]);
    expect(synced[0]).toBeGreaterThan(100_000);
    // Nothing to commit, nothing to wait for.
    storage.commit();
    expect(synced.length).toBe(1);
    storage.setMeta('a', 'y');
    storage.rollback();
    expect(synced.length).toBe(1);
    await storage.close();
  });

  test('of which nobody knows whether it is on disk ends the store: it is no lack of space that passes', async () => {
    const path = join(tempDir(), 'cluster.db');
    const storage = openStorage({
      path,
      sync: () => {
        throw Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });
      },
    });
    storage.setMeta('a', '1');
    expect(() => storage.commit()).toThrow(
      expect.objectContaining({
        code: 'IO',
        message: `cannot bring the write-ahead log to disk: ${path}-wal: EIO: i/o error, fdatasync`,
      }),
    );
    await storage.close();
  });
});

describe('a member’s log', () => {
  test('comes back after a restart, terms and all', async () => {
    const path = join(tempDir(), 'cluster.db');
    let storage = openStorage({ path });
    storage.setCodec(codec);
    let log = storage.log(1, conf);
    log.append([entry(1, 1), entry(2, 1), entry(3, 2)]);
    log.append([entry(3, 3), entry(4, 3)]);
    log.setHardState({ term: 3, vote: 2, commit: 4 });
    log.setApplied(3);
    storage.commit();
    await storage.close();
    storage = openStorage({ path });
    storage.setCodec(codec);
    log = storage.log(1, conf);
    expect(log.initialState()).toEqual({ hardState: { term: 3, vote: 2, commit: 4 }, confState: conf, applied: 3 });
    expect([log.firstIndex(), log.lastIndex()]).toEqual([1, 4]);
    expect([1, 2, 3, 4].map((i) => log.term(i))).toEqual([1, 1, 3, 3]);
    expect(log.entries(2, 5, 1000).map((e) => e.data)).toEqual([{ n: 2 }, { n: 3 }, { n: 4 }]);
    expect(log.entries(2, 5, 15).length).toBe(1);
    expect(() => log.term(5)).toThrow('not there yet');
    await storage.close();
  });

  test('is compacted; entries go when no log holds them', async () => {
    const storage = openStorage({ path: join(tempDir(), 'cluster.db') });
    storage.setCodec(codec);
    const logs = [1, 2].map((m) => storage.log(m, conf));
    for (const log of logs) {
      log.append([1, 2, 3, 4, 5].map((i) => entry(i, i < 4 ? 1 : 2)));
      log.setApplied(5);
    }
    storage.commit();
    const count = () => storage.query('SELECT count(*) FROM raft_entry').rows[0]![0];
    expect(count()).toBe(5);
    logs[0]!.compact(4);
    storage.commit();
    expect(count()).toBe(5);
    expect(logs[0]!.term(4)).toBe(2);
    expect(() => logs[0]!.entries(4, 5, 1)).toThrow('compacted');
    logs[1]!.compact(3);
    storage.commit();
    expect(count()).toBe(2);
    logs[0]!.append([entry(6, 2)]);
    expect(logs[0]!.term(6)).toBe(2);
    await storage.close();
  });

  test('a rollback takes back what was appended', async () => {
    const storage = openStorage({ path: join(tempDir(), 'cluster.db') });
    storage.setCodec(codec);
    const log = storage.log(1, conf);
    log.append([entry(1, 1)]);
    storage.commit();
    log.append([entry(2, 1)]);
    log.setHardState({ term: 9, vote: 1, commit: 1 });
    storage.rollback();
    expect(log.lastIndex()).toBe(1);
    expect(log.initialState().hardState.term).toBe(0);
    log.append([{ ...entry(2, 2), data: { n: 'other' } }]);
    storage.commit();
    expect(log.entries(2, 3, 100)[0]!.data).toEqual({ n: 'other' });
    await storage.close();
  });
});

describe('a database', () => {
  test('can be read with sqlite3’s own means while it is open', async () => {
    const path = join(tempDir(), 'cluster.db');
    const storage = openStorage({ path });
    const row = { key: Buffer.from('/a'), value: Buffer.from('v'), main: 2, sub: 0, createRevision: 2, version: 1 };
    storage.backend.append({
      ...row,
      lease: 0,
      tombstone: false,
      time: 0,
      provenance: { actor: 'user:me', agent: 'x/1' },
    });
    storage.commit();
    const reader = new Sqlite(path, { readonly: true });
    expect(reader.prepare('SELECT revision, key, actor, agent, bytes, written FROM history').all()).toEqual([
      { revision: 2, key: '/a', actor: 'user:me', agent: 'x/1', bytes: 1, written: '1970-01-01 00:00:00' },
    ]);
    reader.close();
    expect(storage.check()).toEqual([]);
    expect(() => storage.query('DELETE FROM kv')).toThrow('only queries');
    await storage.close();
  });

  test('of the first schema is migrated: logs that part ways keep their entries', async () => {
    const path = join(tempDir(), 'cluster.db');
    const db = new Sqlite(path);
    db.pragma('journal_mode = WAL');
    db.exec(migrations[0]!);
    db.pragma('user_version = 1');
    db.pragma(`application_id = ${applicationId}`);
    const put = db.prepare(`INSERT INTO raft_entry (idx, term, type, size, request) VALUES (?, ?, 'txn', 10, ?)`);
    for (const { index, term } of [entry(1, 1), entry(2, 1), entry(2, 2)])
      put.run(index, term, `{"n":${index * 10 + term}}`);
    db.exec(`INSERT INTO raft_log VALUES (1, 1, 1), (1, 2, 1), (2, 1, 1), (2, 2, 2)`);
    const state = db.prepare(`INSERT INTO raft_state VALUES (?, 2, 0, 1, 1)`);
    const snapshot = db.prepare(`INSERT INTO raft_snapshot VALUES (?, 0, 0, ?)`);
    for (const member of [1, 2]) {
      state.run(member);
      snapshot.run(member, JSON.stringify(conf));
    }
    db.close();

    const storage = openStorage({ path });
    storage.setCodec(codec);
    const logs = [storage.log(1, conf), storage.log(2, conf)];
    expect(logs.map((log) => log.entries(1, 3, 1000).map((e) => e.data))).toEqual([
      [{ n: 11 }, { n: 21 }],
      [{ n: 11 }, { n: 22 }],
    ]);
    logs[0]!.append([entry(2, 2), entry(3, 2)]);
    storage.commit();
    expect(logs[0]!.entries(2, 3, 1000)[0]!.data, 'known already').toEqual({ n: 22 });
    await storage.close();
    expect(checkDatabase(path).findings).toEqual([]);
  });

  test.each([1, 2, 3, 4])('of schema %i keeps its keys, revisions, leases and history', async (version) => {
    const path = join(tempDir(), 'cluster.db');
    const db = new Sqlite(path);
    for (const migration of migrations.slice(0, version)) db.exec(migration);
    db.pragma(`user_version = ${version}`);
    db.pragma(`application_id = ${applicationId}`);
    const lease = 2n ** 62n + 1n;
    const row = db.prepare('INSERT INTO kv VALUES (?, ?, ?, ?, ?, 0, 5, NULL, NULL, ?)');
    row.run(2 << 20, Buffer.from('a'), 2, 1, 0, Buffer.from('old'));
    row.run(3 << 20, Buffer.from('b'), 3, 1, lease, Buffer.from('leased'));
    row.run(4 << 20, Buffer.from('a'), 2, 2, 0, Buffer.from('new'));
    const latest = db.prepare('INSERT INTO latest VALUES (?, ?, ?, ?, ?)');
    // In the order of their writing: the table of schema 3 is in the order of keys.
    latest.run(Buffer.from('b'), 3 << 20, 3, 1, lease);
    latest.run(Buffer.from('a'), 4 << 20, 2, 2, 0);
    db.prepare('INSERT INTO lease VALUES (?, 60)').run(lease);
    db.exec(version < 4 ? 'UPDATE store_state SET revision = 4' : 'UPDATE progress SET revision = 4 WHERE member = 0');
    db.close();

    const storage = openStorage({ path });
    const { backend } = storage;
    const state = backend.load();
    expect(state).toMatchObject({ revision: 4, leases: [{ id: lease, ttl: 60 }] });
    expect([...state.latest].map(({ name, main, lease: of }) => [name, main, of])).toEqual([
      ['a', 4, 0],
      ['b', 3, lease],
    ]);
    expect(backend.history(Buffer.from('a'), { limit: 9 }).map(({ value }) => `${value}`)).toEqual(['new', 'old']);
    await storage.close();
    const after = new Sqlite(path, { readonly: true });
    expect(after.pragma('user_version', { simple: true })).toBe(migrations.length);
    after.close();
    expect(checkDatabase(path).findings).toEqual([]);
  });

  test.skipIf(process.platform === 'win32')('is readable for its owner alone', async () => {
    const path = join(tempDir(), 'cluster.db');
    const storage = openStorage({ path });
    const modes = [path, `${path}-wal`, `${path}-shm`].map((file) => (statSync(file).mode & 0o777).toString(8));
    expect(modes).toEqual(['600', '600', '600']);
    await storage.close();
  });

  test('of a newer klab is refused with a remedy', async () => {
    const path = join(tempDir(), 'cluster.db');
    await openStorage({ path }).close();
    const db = new Sqlite(path);
    db.pragma('user_version = 99');
    db.close();
    expect(() => openStorage({ path })).toThrow(
      /was written by a newer klab \(schema 99, this one knows \d+\): use that version/,
    );
    expect(code(() => openStorage({ path }))).toBe('NewerSchema');
  });

  test('that is damaged, or none, says so and what to do', async () => {
    const path = join(tempDir(), 'cluster.db');
    writeFileSync(path, 'this is not a database, it only looks like a file of some length'.repeat(100));
    expect(code(() => openStorage({ path }))).toBe('NotADatabase');
    expect(() => openStorage({ path })).toThrow('klab down --purge');
    const foreign = join(tempDir(), 'foreign.db');
    const db = new Sqlite(foreign);
    db.exec('CREATE TABLE somebody_elses (x)');
    db.close();
    expect(code(() => openStorage({ path: foreign }))).toBe('NotADatabase');
    const broken = join(tempDir(), 'broken.db');
    const storage = openStorage({ path: broken });
    const bytes = statSync(broken).size;
    await storage.close();
    const size = statSync(broken).size;
    expect(bytes).toBeGreaterThan(0);
    // The schema's page: everything hangs on it.
    const fd = await import('node:fs').then((fs) => fs.openSync(broken, 'r+'));
    const fs = await import('node:fs');
    fs.writeSync(fd, Buffer.alloc(Math.min(size, 4096) - 100, 0xff), 0, undefined, 100);
    fs.closeSync(fd);
    expect(code(() => openStorage({ path: broken }))).toBe('Corrupt');
  });

  test('that is full refuses, rolls back, and goes on once there is room', async () => {
    const path = join(tempDir(), 'cluster.db');
    const storage = openStorage({ path, maxPages: 60 });
    const put = (main: number, bytes: number) => {
      const row = { key: Buffer.from(`k${main}`), value: Buffer.alloc(bytes), main, sub: 0, createRevision: main };
      try {
        storage.backend.append({ ...row, version: 1, lease: 0, tombstone: false, time: 0 });
        storage.commit();
      } catch (error) {
        storage.rollback();
        throw storage.explain(error);
      }
    };
    put(2, 1000);
    expect(code(() => put(3, 1_000_000))).toBe('NoSpace');
    put(3, 1000);
    expect(storage.backend.load().revision).toBe(3);
    await storage.close();
  });

  test('keeps its write-ahead log short without checkpoints on the main thread', async () => {
    const path = join(tempDir(), 'cluster.db');
    const storage = openStorage({ path });
    const value = Buffer.alloc(32 * 1024, 1);
    const write = (main: number) => {
      const row = { key: Buffer.from(`k${main}`), value, main, sub: 0, createRevision: main, version: 1 };
      storage.backend.append({ ...row, lease: 0, tombstone: false, time: 0 });
      storage.commit();
    };
    for (let main = 2; main < 4000; main++) {
      write(main);
      // The worker's word arrives between turns of the loop.
      if (main % 16 === 0) await yieldToEventLoop();
    }
    await expect.poll(() => statSync(path).size, { timeout: 10_000 }).toBeGreaterThan(16 * 1024 * 1024);
    // 128 MB were written; the log starts over when it has been moved.
    expect(statSync(`${path}-wal`).size).toBeLessThan(80 * 1024 * 1024);
    await storage.close();
    expect(existsSync(`${path}-wal`)).toBe(false);
  });
});

describe('the folder’s lock', () => {
  test('is held once, and can be taken again after its release', () => {
    const dir = tempDir();
    const lock = acquireLock(dir);
    expect(code(() => acquireLock(dir))).toBe('Locked');
    lock.release();
    acquireLock(dir).release();
  });

  test('dies with its process', () => {
    const dir = tempDir();
    const script = `
      import { acquireLock } from '${join(import.meta.dirname, '../../src/sqlite/index.ts')}';
      acquireLock(process.argv[1]);
      process.kill(process.pid, 'SIGKILL');`;
    const { signal } = spawnSync(process.execPath, ['--input-type=module', '-e', script, dir]);
    expect(signal).toBe('SIGKILL');
    acquireLock(dir).release();
  });
});

describe('side tables', () => {
  test('append, list newest first, survive a restart and count on', async () => {
    const path = join(tempDir(), 'cluster.db');
    let storage = openStorage({ path });
    let woken = 0;
    storage.onPending = () => woken++;
    expect(storage.side.append('decision', 'default/a', 1, { node: 'n1' })).toBe(1);
    expect(storage.side.append('decision', 'default/a', 2, { node: 'n2' })).toBe(2);
    expect(storage.side.append('decision', 'default/b', 3, Buffer.from('bytes'))).toBe(3);
    expect(woken).toBe(1);
    expect(storage.side.list('decision', 'default/a').map((e) => e.value)).toEqual([{ node: 'n2' }, { node: 'n1' }]);
    expect(storage.side.get('decision', 'default/b', 3)?.value).toEqual(Buffer.from('bytes'));
    expect(storage.side.keys('decision')).toEqual(['default/a', 'default/b']);
    storage.commit();
    await storage.close();
    storage = openStorage({ path });
    expect(storage.side.append('decision', 'default/a', 4, { node: 'n3' })).toBe(4);
    expect(storage.side.list('decision', 'default/a', { limit: 1, before: 4 }).map((e) => e.seq)).toEqual([2]);
    storage.commit();
    await storage.close();
  });

  test('a rollback of the store does not lose what was appended', async () => {
    const storage = openStorage({ path: join(tempDir(), 'cluster.db') });
    storage.side.append('k', 'x', 1, { a: 1 });
    storage.side.flush();
    storage.rollback();
    storage.commit();
    expect(storage.side.list('k', 'x').length).toBe(1);
    await storage.close();
  });

  test('the oldest go first, by age and by size', async () => {
    const storage = openStorage({ path: join(tempDir(), 'cluster.db') });
    const bytes = new Uint8Array(10);
    for (let i = 1; i <= 10; i++) for (const key of ['x', 'y']) storage.side.append('k', key, i, bytes);
    expect(storage.side.pruneOldest('k', { before: 3, limit: 100 })).toBe(40);
    expect(storage.side.pruneOldest('k', { bytes: 115, limit: 100 })).toBe(120);
    expect(storage.side.list('k', 'x').map((e) => e.time)).toEqual([10, 9]);
    storage.commit();
    await storage.close();
  });

  test('a file whose entries were counted within each key counts on from the greatest', async () => {
    const path = join(tempDir(), 'cluster.db');
    await openStorage({ path }).close();
    const db = new Sqlite(path);
    const put = db.prepare("INSERT INTO side (kind, key, seq, time, json) VALUES ('k', ?, ?, 0, '{}')");
    for (const [key, seq] of [
      ['a', 1000],
      ['b', 1],
    ] as const)
      put.run(key, seq);
    db.close();
    const storage = openStorage({ path });
    expect(storage.side.append('k', 'a', 1, {})).toBe(1001);
    expect(storage.side.list('k', 'a').map((e) => e.seq)).toEqual([1001, 1000]);
    storage.commit();
    await storage.close();
  });
});

function code(work: () => unknown): string | undefined {
  try {
    work();
  } catch (error) {
    if (error instanceof StorageError) return error.code;
    throw error;
  }
  return undefined;
}
