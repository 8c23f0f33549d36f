/** A byte that changes on the disk: the check finds it, or nothing that is read has changed. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect, test } from 'vitest';
import { Prng, VirtualClock } from '../../src/base/index.ts';
import { EtcdCluster } from '../../src/etcd/index.ts';
import { checkDatabase, openStorage, StorageError } from '../../src/sqlite/index.ts';
import { tempDir } from './helpers.ts';

const key = (i: number) => Buffer.from(`/registry/configmaps/default/number-${i}`);

/** A closed database: values that fit a page and values that do not, tombstones, authors, a lease beyond 2^53. */
async function filled(path: string): Promise<void> {
  const clock = new VirtualClock({ startMs: 0 });
  const cluster = await EtcdCluster.open({ storage: openStorage({ path }), clock, prng: new Prng('flip') });
  const kv = cluster.member();
  const { id } = await kv.leaseGrant({ ttl: 100, id: 2n ** 60n + 1n });
  const prng = new Prng('values');
  for (let i = 0; i < 60; i++) {
    const value = Buffer.from(Array.from({ length: i % 7 === 0 ? 5000 : 200 }, () => prng.int(256)));
    await kv.put({ key: key(i % 40), value, lease: i % 9 === 0 ? id : 0 }, { provenance: { actor: `user-${i % 3}` } });
    if (i % 11 === 0) await kv.deleteRange({ key: key(i % 40) });
  }
  await cluster.close();
}

/** All that a server would answer from: every revision, and what exists now. */
function contents(path: string): string {
  const db = new Sqlite(path, { readonly: true });
  try {
    const of = (sql: string) => db.prepare(sql).raw().safeIntegers().all();
    return JSON.stringify(
      [
        of('SELECT id, key, create_rev, version, lease, tombstone, time, cause, value FROM kv ORDER BY id'),
        of('SELECT * FROM latest ORDER BY key'),
        of('SELECT * FROM meta ORDER BY key'),
        of('SELECT id, type, size, from_rev, to_rev, request, payload FROM raft_entry ORDER BY id'),
      ],
      (_, value) => (typeof value === 'bigint' ? String(value) : value),
    );
  } finally {
    db.close();
  }
}

function found(path: string): boolean {
  try {
    return checkDatabase(path).findings.length > 0;
  } catch (error) {
    expect(error).toBeInstanceOf(StorageError);
    return true;
  }
}

test('one flipped byte of the file is found, or changes nothing of what is stored', async () => {
  const dir = tempDir();
  const path = join(dir, 'cluster.db');
  await filled(path);
  const sound = readFileSync(path);
  const was = contents(path);
  expect(found(path)).toBe(false);
  const prng = new Prng('where');
  let discovered = 0;
  const missed: number[] = [];
  for (let i = 0; i < 400; i++) {
    const at = prng.int(sound.length);
    const damaged = Buffer.from(sound);
    damaged[at] = damaged[at]! ^ (1 + prng.int(255));
    const copy = join(dir, `flipped-${i}.db`);
    writeFileSync(copy, damaged);
    if (found(copy)) discovered++;
    else if (contents(copy) !== was) missed.push(at);
    for (const end of ['', '-wal', '-shm']) rmSync(copy + end, { force: true });
  }
  expect(missed).toEqual([]);
  expect(discovered).toBeGreaterThan(200);
});

test('a value that changed is refused by whoever reads it, and its row named', async () => {
  const path = join(tempDir(), 'cluster.db');
  await filled(path);
  const db = new Sqlite(path);
  db.prepare('UPDATE kv SET value = zeroblob(length(value)) WHERE key = ? AND tombstone = 0').run(key(39));
  db.close();
  const finding = {
    check: 'revisions',
    row: expect.stringMatching(/^kv revision \d+\.0, key "\/registry.*number-39"$/),
  };
  expect(checkDatabase(path).findings).toEqual([{ ...finding, problem: expect.stringContaining('checksum') }]);
  const clock = new VirtualClock({ startMs: 0 });
  const cluster = await EtcdCluster.open({ storage: openStorage({ path }), clock, prng: new Prng('again') });
  try {
    const read = cluster.member().range({ key: key(39) });
    await expect(read).rejects.toThrow(/the database is damaged: .*number-39": the row is not what was written/);
    expect((await cluster.member().range({ key: key(38) })).kvs).toHaveLength(1);
    // A new value is no longer that one.
    await cluster.member().put({ key: key(39), value: Buffer.from('mended') });
    expect(`${(await cluster.member().range({ key: key(39) })).kvs[0]!.value}`).toBe('mended');
  } finally {
    await cluster.close();
  }
});

test('rows of an older klab have no checksum, and count as sound', async () => {
  const path = join(tempDir(), 'cluster.db');
  await filled(path);
  const db = new Sqlite(path);
  db.exec('UPDATE kv SET crc = NULL; UPDATE raft_entry SET crc = NULL');
  db.close();
  expect(checkDatabase(path).findings).toEqual([]);
});
