/** Erased means erased: no byte of a purged value is left in the database file or its log. And how full a database is. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Prng, VirtualClock } from '../../src/base/index.ts';
import { EtcdCluster } from '../../src/etcd/index.ts';
import { checkDatabase, measureDatabase, openStorage } from '../../src/sqlite/index.ts';

const b = (text: string) => Buffer.from(text);
let dir: string;
let path: string;
let cluster: EtcdCluster;

async function open(members: number): Promise<void> {
  dir = mkdtempSync(join(tmpdir(), 'klab-purge-'));
  path = join(dir, 'cluster.db');
  const clock = new VirtualClock({ startMs: Date.UTC(2026, 0, 1) });
  cluster = await EtcdCluster.open({ storage: openStorage({ path }), clock, prng: new Prng('purge'), members });
  await clock.advanceUntil(() => cluster.leaderIndex() !== undefined, 30_000);
}
beforeEach(() => open(1));
afterEach(async () => {
  await cluster.close();
  rmSync(dir, { recursive: true, force: true });
});

/** Files of the database that hold the text. */
const filesWith = (text: string) =>
  ['', '-wal'].filter((end) => existsSync(`${path}${end}`) && readFileSync(`${path}${end}`).includes(text));

const put = (key: string, value: string) => cluster.anyMember().put({ key: b(key), value: b(value) });

test.each([1, 3])(
  'with %i members a purged value is in no file any more, and what is there now stays',
  async (members) => {
    await cluster.close();
    rmSync(dir, { recursive: true, force: true });
    await open(members);
    for (let i = 0; i < 50; i++) await put(`/other/${i}`, `filler ${i} `.repeat(200));
    await put('/secret', 'hunter2-first');
    await put('/secret', `hunter2-large ${'x'.repeat(20_000)}`);
    await put('/secret', 'harmless');
    await put('/gone', 'hunter2-deleted');
    await cluster.anyMember().deleteRange({ key: b('/gone') });
    expect(filesWith('hunter2').length).toBeGreaterThan(0);
    expect(cluster.anyMember().history(b('/secret'))).toHaveLength(3);

    expect((await cluster.purge(b('/secret'))).revisions).toBe(2);
    expect(filesWith('hunter2-first')).toEqual([]);
    expect(filesWith('hunter2-large')).toEqual([]);
    expect((await cluster.purge(b('/gone'))).revisions).toBe(2);
    expect(filesWith('hunter2')).toEqual([]);
    expect((await cluster.purge(b('/gone'))).revisions).toBe(0);

    const { kvs } = await cluster.anyMember().range({ key: b('/secret') });
    expect(kvs.map(({ value, version }) => [Buffer.from(value).toString(), version])).toEqual([['harmless', 3]]);
    expect(cluster.anyMember().history(b('/secret'))).toHaveLength(1);
    expect(cluster.anyMember().history(b('/other/3'))).toHaveLength(1);
    await put('/secret', 'next');
    expect(checkDatabase(path).findings).toEqual([]);
  },
);

test('who still reads the past keeps it: a member that lags', async () => {
  await cluster.close();
  rmSync(dir, { recursive: true, force: true });
  await open(3);
  const idle = cluster.members.findIndex((_, i) => i !== cluster.leaderIndex());
  cluster.members[idle]!.paused = true;
  await put('/secret', 'hunter2');
  await put('/secret', 'harmless');
  await expect(cluster.purge(b('/secret'))).rejects.toMatchObject({ code: 'FailedPrecondition' });
  expect(cluster.anyMember().history(b('/secret'))).toHaveLength(2);
});

test('another process that reads an older state is named as the hindrance', async () => {
  await put('/secret', 'hunter2');
  await put('/secret', 'harmless');
  const reader = new Sqlite(path, { readonly: true });
  reader.exec('BEGIN');
  reader.prepare('SELECT count(*) FROM kv').get();
  await expect(cluster.purge(b('/secret'))).rejects.toThrow(/another process reads .*end it and try again/);
  reader.exec('COMMIT');
  reader.close();
  await cluster.purge(b('/secret'));
  expect(filesWith('hunter2')).toEqual([]);
});

test('how much of a database is history', async () => {
  expect(measureDatabase(path)).toMatchObject({ live: { rows: 0, bytes: 0 }, history: { rows: 0, bytes: 0 } });
  await put('/a', '1234567890');
  await put('/a', '12345');
  await put('/b', '1');
  await cluster.anyMember().deleteRange({ key: b('/b') });
  const use = measureDatabase(path);
  expect(use.live).toEqual({ rows: 1, bytes: 7 });
  expect(use.history).toEqual({ rows: 3, bytes: 12 + 3 + 2 });
  expect(use.oldest).toBe(Date.UTC(2026, 0, 1));
  expect(use.walBytes).toBeGreaterThan(0);
  expect(() => measureDatabase(join(dir, 'none.db'))).toThrow();
});
