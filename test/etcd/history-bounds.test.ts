/** `--history-age` and `--history-size`: what they let go, and what no bound may touch. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { memoryStorage } from '../../src/etcd/index.ts';
import { openStorage } from '../../src/sqlite/index.ts';
import { b, keys, lab, leaderOf, settle, tempDir } from './harness.ts';

const minute = 60_000;
/** Few heartbeats: virtual hours pass quickly. */
const calm = { heartbeatMs: 5000, electionMs: 50_000 };
const stores = {
  memory: () => memoryStorage(),
  SQLite: () => openStorage({ path: join(tempDir(), 'cluster.db') }),
};

describe.each(Object.entries(stores))('history on %s', (_, storage) => {
  test('goes by age once it is compacted: the state at that age stays, and so does all that is younger', async () => {
    const { cluster, clock, m } = await lab({ ...calm, storage: storage(), historyAge: 10 * minute });
    const put = async (key: string, value: string) => {
      const { header } = await m[0]!.put({ key: b(key), value: b(value) });
      await clock.advance(4 * minute);
      return header.revision;
    };
    const history = (key: string) =>
      cluster
        .member()
        .history(b(key))
        .map(({ value }) => `${value ?? 'gone'}`);
    for (let i = 1; i <= 5; i++) await put('a', `${i}`);
    await m[0]!.deleteRange({ key: b('b') });
    await put('b', '1');
    await m[0]!.deleteRange({ key: b('b') });
    await clock.advance(minute);
    expect(history('a'), 'nothing that etcd has not compacted').toEqual(['5', '4', '3', '2', '1']);
    const { header } = await m[0]!.range({ key: b('a') });
    await m[0]!.compact(header.revision);
    await clock.advance(minute);
    // Put 26, 22, 18, 14 and 10 minutes ago: 4 was what one could read ten minutes ago.
    expect(history('a')).toEqual(['5', '4']);
    expect(history('b')).toEqual(['gone', '1']);
    await clock.advance(20 * minute);
    expect(history('a')).toEqual(['5']);
    expect(history('b'), 'a deleted key whose age has come leaves nothing').toEqual([]);
    expect(await keys(m[0]!)).toEqual(['a=5']);
  });

  test('of leases and events goes after ten minutes, of other keys not', async () => {
    const { cluster, clock, m } = await lab({ ...calm, storage: storage() });
    const names = ['/registry/leases/ns/x', '/registry/events/ns/x', '/registry/pods/ns/x'];
    for (const name of names) for (const value of ['1', '2', '3']) await m[0]!.put({ key: b(name), value: b(value) });
    const { header } = await m[0]!.range({ key: b('a') });
    await m[0]!.compact(header.revision);
    const lengths = () => names.map((name) => cluster.member().history(b(name)).length);
    await clock.advance(9 * minute);
    expect(lengths()).toEqual([3, 3, 3]);
    await clock.advance(2 * minute);
    expect(lengths()).toEqual([1, 1, 3]);
  });

  test('waits for the member that lags most', async () => {
    const l = await lab({ ...calm, storage: storage(), members: 3, historyAge: minute });
    const { cluster, clock } = l;
    const leader = await leaderOf(l);
    const slow = [0, 1, 2].find((i) => i !== leader)!;
    const put = (value: string) => settle(clock, cluster.member(leader).put({ key: b('a'), value: b(value) }));
    await put('1');
    await clock.advance(1000);
    cluster.pause(slow);
    for (const value of ['2', '3']) await put(value);
    const { header } = await settle(clock, cluster.member(leader).range({ key: b('a') }));
    await settle(clock, cluster.member(leader).compact(header.revision));
    await clock.advance(5 * minute);
    expect(cluster.member(leader).history(b('a')).length).toBe(3);
    expect(await keys(cluster.member(slow))).toEqual(['a=1']);
    cluster.resume(slow);
    await clock.advance(5 * minute);
    expect(cluster.member(leader).history(b('a')).length).toBe(1);
  });
});

test('history goes by size, the oldest first, until the database holds no more than that', async () => {
  const historySize = 2 * 1024 * 1024;
  const storage = openStorage({ path: join(tempDir(), 'cluster.db') });
  const { cluster, clock, m } = await lab({ ...calm, storage, historySize, catchUpEntries: 10 });
  const count = 3000;
  const put = (i: number) => m[0]!.put({ key: b(`k${i % 3}`), value: Buffer.alloc(1500, `${i} `) });
  for (let i = 0; i < count; i += 100) await Promise.all(Array.from({ length: 100 }, (_, j) => put(i + j)));
  const { header } = await m[0]!.range({ key: b('k0') });
  const all = () =>
    cluster
      .member()
      .changes({ from: 0, to: header.revision, limit: count + 1 })
      .map(({ revision }) => revision);
  await clock.advance(2 * minute);
  expect(storage.size().inUse).toBeGreaterThan(historySize);
  expect(all()).toHaveLength(count);
  await m[0]!.compact(header.revision);
  await clock.advance(2 * minute);
  expect(storage.size().inUse).toBeLessThanOrEqual(historySize);
  const left = all();
  // Not all of it: what is left is the newest without a gap.
  expect(left.length).toBeGreaterThan(100);
  expect(left).toEqual(left.map((_, i) => header.revision - left.length + 1 + i));
  expect((await m[0]!.range({ key: b('k'), rangeEnd: b('l') })).count).toBe(3);
});
