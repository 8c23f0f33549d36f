/** `checkDatabase` finds what is wrong, and names the first row. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Prng, VirtualClock } from '../../src/base/index.ts';
import { EtcdCluster, restoreSnapshot } from '../../src/etcd/index.ts';
import { checkDatabase, openStorage } from '../../src/sqlite/index.ts';

let dir: string;
let path: string;
let cluster: EtcdCluster;
const b = (text: string) => Buffer.from(text);

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'klab-check-'));
  path = join(dir, 'cluster.db');
  const clock = new VirtualClock({ startMs: 0 });
  cluster = await EtcdCluster.open({ storage: openStorage({ path }), clock, prng: new Prng('check') });
  const kv = cluster.member();
  const { id } = await kv.leaseGrant({ ttl: 100, id: 77 });
  await kv.put({ key: b('/a'), value: b('1') });
  await kv.put({ key: b('/b'), value: b('1'), lease: id });
  await kv.put({ key: b('/a'), value: b('2') });
  await kv.deleteRange({ key: b('/b') });
  await kv.put({ key: b('/b'), value: b('again'), lease: id });
  await kv.compact(3);
});
afterEach(async () => {
  await cluster.close();
  rmSync(dir, { recursive: true, force: true });
});

test('a database is sound while its server runs and after', async () => {
  expect(checkDatabase(path)).toMatchObject({
    findings: [],
    revision: 6,
    compactRevision: 3,
    keys: 2,
    leases: 1,
    members: 1,
  });
  await cluster.close();
  expect(checkDatabase(path).findings).toEqual([]);
});

test.each([
  ['latest', 'key "/a", revision 2.0', "UPDATE latest SET id = 2 << 20 WHERE key = CAST('/a' AS BLOB)"],
  ['latest', 'key "/a", revision 4.0', "DELETE FROM latest WHERE key = CAST('/a' AS BLOB)"],
  ['revisions', 'kv revision 6.0', 'UPDATE progress SET revision = 5'],
  ['revisions', 'kv revision 6', 'DELETE FROM kv WHERE id >> 20 = 5'],
  ['revisions', 'kv revision 7', 'UPDATE progress SET revision = 7'],
  ['versions', 'kv revision 4.0, key "/a", version 5', 'UPDATE kv SET version = 5 WHERE id >> 20 = 4'],
  ['versions', 'kv revision 2.0, create_rev 9', 'UPDATE kv SET create_rev = 9 WHERE id >> 20 = 2'],
  ['compaction', 'store_state compact_rev 9, revision 6', 'UPDATE progress SET compact_rev = 9'],
  ['leases', 'key "/b", lease 4d', 'DELETE FROM lease'],
  ['raft log', 'raft_term member 1, idx 3', 'UPDATE raft_term SET idx = 3'],
  ['raft log', 'raft_log member 1, idx 3, term 1', 'DELETE FROM raft_entry WHERE idx = 3'],
  ['raft log', 'raft_term member 1, idx 5, term 1', 'INSERT INTO raft_term VALUES (1, 5, 1)'],
  ['raft log', 'raft_log member 1, idx 9, term 1', 'UPDATE progress SET last = 11 WHERE member = 1'],
  ['raft state', 'raft_state member 1: applied 99, commit 8', 'UPDATE progress SET applied = 99 WHERE member = 1'],
  ['raft state', 'store_state applied_idx 99', 'UPDATE progress SET applied = 99 WHERE member = 0'],
  ['raft entries', 'raft_entry idx 5, to_rev 44', 'UPDATE raft_entry SET to_rev = 44 WHERE idx = 5'],
  ['raft entries', 'raft_entry idx 5, from_rev 2, to_rev 4', 'UPDATE raft_entry SET from_rev = 2 WHERE idx = 5'],
  ['raft entries', 'raft_entry idx 5, term 1', "UPDATE raft_entry SET request = '{' WHERE idx = 5"],
  ['revisions', 'kv revision 6.0, actor 99', 'UPDATE kv SET actor = 99 WHERE id >> 20 = 6'],
  ['raft state', 'progress member 0', 'DELETE FROM progress WHERE member = 0'],
  ['raft state', 'progress member 1', 'DELETE FROM progress WHERE member = 1'],
  ['raft log', 'raft_snapshot member 1', 'DELETE FROM raft_snapshot'],
  ['raft log', 'raft_term member 1', 'DELETE FROM raft_term'],
  ['file', 'table lease', 'DROP TABLE lease'],
  ['file', 'index kv_by_key', 'DROP INDEX kv_by_key'],
])('%s: %s', async (check, row, damage) => {
  await cluster.close();
  const db = new Sqlite(path);
  db.exec(damage);
  db.close();
  expect(checkDatabase(path).findings).toContainEqual(expect.objectContaining({ check, row }));
});

test('requests that wrote nothing are no gap in the log', async () => {
  const kv = cluster.member();
  const compare = [{ key: b('/a'), target: 'version', result: 'equal', version: 9 }] as const;
  await kv.txn({ compare, success: [{ op: 'deleteRange', deleteRange: { key: b('/a') } }], failure: [] });
  await kv.deleteRange({ key: b('/none') });
  await expect(kv.put({ key: b('/none'), value: b(''), ignoreValue: true })).rejects.toThrow('key not found');
  await kv.leaseGrant({ ttl: 100, id: 78 });
  await kv.leaseRevoke(78);
  await kv.put({ key: b('/a'), value: b('3') });
  expect(checkDatabase(path).findings).toEqual([]);
});

test('an index without a row of its table names the row', async () => {
  await cluster.close();
  const db = new Sqlite(path);
  db.unsafeMode();
  db.pragma('writable_schema = ON');
  db.exec("UPDATE sqlite_schema SET sql = 'CREATE INDEX kv_by_key ON kv (value)' WHERE name = 'kv_by_key'");
  db.close();
  const { findings } = checkDatabase(path);
  expect(findings[0]).toMatchObject({ check: 'file', problem: expect.stringMatching(/^row \d+ .*index kv_by_key$/) });
});

test('a damaged page, a foreign file and a newer schema are refused in words', async () => {
  await cluster.close();
  const db = new Sqlite(path);
  db.pragma('user_version = 999');
  db.close();
  expect(() => checkDatabase(path)).toThrow(/was written by a newer klab \(schema 999/);
  const other = join(dir, 'other.db');
  writeFileSync(other, 'this is no database at all, not even nearly one'.repeat(100));
  expect(() => checkDatabase(other)).toThrow(/not a klab database/);
  expect(() => checkDatabase(join(dir, 'missing.db'))).toThrow();
});

test('a snapshot is restored whole: revisions, versions, tombstones, leases; and the result is sound', async () => {
  const file = join(dir, 'snapshot.db');
  // As etcd draws them: 63 bits.
  const long = 0x1234_5678_9abc_def1n;
  await cluster.member().leaseGrant({ ttl: 100, id: long });
  await cluster.member().put({ key: b('/long'), value: b('1'), lease: long });
  await cluster.member().saveSnapshot(file);
  const restored = join(dir, 'restored.db');
  const storage = openStorage({ path: restored });
  expect(restoreSnapshot(file, storage, { now: 5 })).toMatchObject({ revision: 7, compactRevision: 3, leases: 2 });
  const again = await EtcdCluster.open({ storage, clock: new VirtualClock({ startMs: 0 }), prng: new Prng('x') });
  try {
    const kv = again.member();
    const all = { key: Buffer.of(0), rangeEnd: Buffer.of(0) };
    for (const revision of [0, 3, 4, 5, 6]) {
      const [was, is] = [await cluster.member().range({ ...all, revision }), await kv.range({ ...all, revision })];
      expect(is.kvs).toEqual(was.kvs);
    }
    await expect(kv.range({ ...all, revision: 2 })).rejects.toThrow('compacted');
    expect((await kv.hashKV(7)).hash).toBe((await cluster.member().hashKV(7)).hash);
    expect((await kv.leaseTimeToLive(long, true)).keys.map(String)).toEqual(['/long']);
    expect((await kv.leaseTimeToLive(77, true)).keys.map(String)).toEqual(['/b']);
    expect((await kv.put({ key: b('/a'), value: b('3'), prevKv: true })).prevKv).toMatchObject({ version: 2 });
    expect(checkDatabase(restored).findings).toEqual([]);
  } finally {
    await again.close();
  }
  writeFileSync(join(dir, 'cut.db'), Buffer.alloc(4096));
  expect(() => restoreSnapshot(join(dir, 'cut.db'), openStorage({ path: join(dir, 'n.db') }), { now: 0 })).toThrow();
});
