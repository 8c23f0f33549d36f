import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../src/base/index.ts';
import { type ClusterStorage, memoryStorage } from '../../src/etcd/index.ts';
import { openStorage } from '../../src/sqlite/index.ts';
import { all, b, keys, lab, leaderOf, settle, tempDir } from './harness.ts';

const provenance = {
  actor: 'controller:deployment',
  agent: 'klab/v0',
  cause: { object: 'deployments/default/web', revision: 7, count: 2 },
};

describe('three members', () => {
  test('agree on every write, whichever member it came in at', async () => {
    const { clock, m, cluster } = await lab({ members: 3 });
    for (let i = 0; i < 3; i++) await settle(clock, m[i]!.put({ key: b(`k${i}`), value: b(`${i}`) }));
    for (const member of m) expect(await keys(member)).toEqual(['k0=0', 'k1=1', 'k2=2']);
    const hashes = await Promise.all(m.map((member) => member.hashKV(0)));
    expect(new Set(hashes.map((h) => h.hash)).size).toBe(1);
    expect(
      cluster
        .status()
        .map((s) => s.role)
        .sort(),
    ).toEqual(['follower', 'follower', 'leader']);
    expect((await m[0]!.memberList()).members.map((x) => x.name)).toEqual(['m1', 'm2', 'm3']);
  });

  test('a read at a follower sees what was acknowledged elsewhere, over slow links', async () => {
    const { clock, m, cluster } = await lab({ members: 3 });
    cluster.transport.setDefault({ delayMs: 20, jitterMs: 10 });
    for (let i = 0; i < 5; i++) {
      await settle(clock, m[i % 3]!.put({ key: b('x'), value: b(String(i)) }));
      const reads = m.map((member) => settle(clock, member.range({ key: b('x') })).catch((e) => e));
      // One at a time: the clock is driven by one waiter.
      expect(String((await reads[(i + 1) % 3]!).kvs[0].value)).toBe(String(i));
      await Promise.allSettled(reads);
    }
  });

  test('a transaction that only reads is in no log, sees what was acknowledged, and lags when all of it may', async () => {
    const { clock, m, cluster } = await lab({ members: 3 });
    const leader = await leaderOf({ cluster, clock, m });
    const here = m[leader]!;
    const there = m[(leader + 1) % 3]!;
    cluster.transport.setDefault({ delayMs: 20 });
    await settle(clock, here.put({ key: b('x'), value: b('1') }));
    const { lastIndex } = here.raftStatus();
    const read = (serializable: boolean, revision = 0) =>
      settle(
        clock,
        there.txn({
          compare: [{ key: b('x'), target: 'version', result: 'greater', version: 0 }],
          success: [{ op: 'range', range: { key: b('x'), serializable, revision } }],
          failure: [],
        }),
      );
    const late = await read(true);
    expect(late).toMatchObject({ succeeded: false, responses: [] });
    const now = await read(false);
    expect(now).toMatchObject({ succeeded: true, header: { revision: 2 } });
    expect(now.responses[0]).toMatchObject({
      op: 'range',
      range: { count: 1, header: { clusterId: 0n, revision: 2 } },
    });
    expect((await read(true)).succeeded).toBe(true);
    await expect(read(false, 9)).rejects.toMatchObject({ code: 'OutOfRange' });
    expect(here.raftStatus().lastIndex).toBe(lastIndex);
  });

  test('a member cut off serves its own past, refuses the rest in etcd’s words, and catches up', async () => {
    const l = await lab({ members: 3 });
    const { clock, m, cluster } = l;
    await settle(clock, m[0]!.put({ key: b('a'), value: b('old') }));
    const leader = await leaderOf(l);
    const away = (leader + 1) % 3;
    const there = m[(leader + 2) % 3]!;
    const watcher = m[away]!.watch({ key: b('a'), prevKv: true });
    cluster.transport.partition([away + 1]);
    await settle(clock, there.put({ key: b('a'), value: b('new') }));
    await settle(clock, there.put({ key: b('a'), value: b('newer') }));
    expect(await keys(m[away]!)).toEqual(['a=old']);
    expect(m[away]!.history(b('a')).map((h) => String(h.value))).toEqual(['old']);
    await expect(m[away]!.range({ key: b('a'), revision: 3, serializable: true })).rejects.toThrow(
      'etcdserver: mvcc: required revision is a future revision',
    );
    await expect(settle(clock, m[away]!.range({ key: b('a') }))).rejects.toMatchObject({ code: 'Unavailable' });
    await expect(settle(clock, m[away]!.put({ key: b('a'), value: b('lost') }))).rejects.toMatchObject({
      message: 'etcdserver: request timed out, possibly due to connection lost',
    });
    cluster.transport.heal();
    expect(String((await settle(clock, m[away]!.range({ key: b('a') }))).kvs[0]!.value)).toBe('newer');
    const seen: string[] = [];
    for await (const { events } of watcher) {
      for (const e of events) seen.push(`${e.prevKv!.value}→${e.kv.value}`);
      if (seen.length === 2) break;
    }
    expect(seen).toEqual(['old→new', 'new→newer']);
  });

  test('a leader cut off loses its office, and what it could not commit', async () => {
    const l = await lab({ members: 3 });
    const { clock, m, cluster } = l;
    const old = await leaderOf(l);
    cluster.transport.partition([old + 1]);
    const lost = m[old]!.put({ key: b('a'), value: b('never') }).catch((error: Error) => error);
    await clock.advanceUntil(() => ![old, undefined].includes(cluster.leaderIndex()), 30_000);
    const fresh = cluster.leaderIndex()!;
    await settle(clock, m[fresh]!.put({ key: b('a'), value: b('kept') }));
    expect(await settle(clock, lost)).toMatchObject({ code: 'Unavailable' });
    cluster.transport.heal();
    await clock.advanceUntil(async () => (await keys(m[old]!))[0] === 'a=kept', 10_000);
    for (const member of m) expect(await keys(member)).toEqual(['a=kept']);
    expect(cluster.status()[old]!.role).toBe('follower');
  });

  test('a crashed member comes back with what it had; its clients are told', async () => {
    const l = await lab({ members: 3 });
    const { clock, m, cluster } = l;
    await settle(clock, m[0]!.put({ key: b('a'), value: b('1') }));
    const leader = await leaderOf(l);
    const watcher = m[leader]!.watch({ key: b('a') });
    cluster.crash(leader);
    expect(m[leader]!.running).toBe(false);
    expect(m[leader]!.raftStatus().role).toBe('crashed');
    await expect(m[leader]!.put({ key: b('a'), value: b('2') })).rejects.toThrow('etcdserver: server stopped');
    await expect(
      (async () => {
        for await (const _ of watcher);
      })(),
    ).rejects.toThrow('etcdserver: server stopped');
    // What is sent to a leader that died is lost; clients try again once there is another.
    const other = m[await leaderOf(l)]!;
    await settle(clock, other.put({ key: b('a'), value: b('2') }));
    cluster.restart(leader);
    expect(await keys(m[leader]!)).toEqual(['a=1']);
    expect(String((await settle(clock, m[leader]!.range({ key: b('a') }))).kvs[0]!.value)).toBe('2');
  });

  test('a member that was away for too long gets a snapshot', async () => {
    for (const stores of ['shared', 'own'] as const) {
      const l = await lab({ members: 3, stores, catchUpEntries: 10 });
      const { clock, m, cluster } = l;
      await settle(clock, m[0]!.put({ key: b('k'), value: b('before') }));
      const away = ((await leaderOf(l)) + 1) % 3;
      const there = m[(away + 1) % 3]!;
      cluster.crash(away);
      for (let i = 0; i < 60; i++) await settle(clock, there.put({ key: b(`k${i % 7}`), value: b(String(i)) }));
      await settle(clock, there.compact(30));
      cluster.restart(away);
      await clock.advanceUntil(async () => (await keys(m[away]!)).length === 8, 10_000);
      expect(await keys(m[away]!)).toEqual(await keys(there));
      expect(m[away]!.raftStatus().firstIndex).toBeGreaterThan(10);
      expect((await m[away]!.hashKV(0)).hash).toBe((await there.hashKV(0)).hash);
      await settle(clock, m[away]!.put({ key: b('after'), value: b('x') }));
      expect((await keys(there)).at(-1)).toBe('k6=55');
    }
  });

  test('leadership moves where it is told, and only the leader moves it', async () => {
    const l = await lab({ members: 3 });
    const { clock, m, cluster } = l;
    const leader = await leaderOf(l);
    const target = (leader + 1) % 3;
    await expect(m[target]!.moveLeader(m[leader]!.memberId)).rejects.toThrow('etcdserver: not leader');
    await expect(m[leader]!.moveLeader(1n)).rejects.toThrow('etcdserver: bad leader transferee');
    await settle(clock, m[leader]!.moveLeader(m[target]!.memberId));
    expect(cluster.leaderIndex()).toBe(target);
    await settle(clock, m[leader]!.put({ key: b('a'), value: b('1') }));
  });

  test('a paused member holds nobody up', async () => {
    const l = await lab({ members: 3 });
    const { clock, m, cluster } = l;
    const leader = await leaderOf(l);
    cluster.pause((leader + 1) % 3);
    await settle(clock, m[leader]!.put({ key: b('a'), value: b('1') }));
    expect(await keys(m[(leader + 1) % 3]!)).toEqual([]);
    cluster.resume((leader + 1) % 3);
    await clock.advance(500);
    expect(await keys(m[(leader + 1) % 3]!)).toEqual(['a=1']);
  });
});

describe('leases', () => {
  test('run out on the cluster clock, take their keys along, and say why', async () => {
    const { clock, m } = await lab();
    const { id, ttl } = await m[0]!.leaseGrant({ ttl: 10 });
    expect(ttl).toBe(10);
    expect((await m[0]!.leaseGrant({ ttl: 1 })).ttl).toBe(2);
    await m[0]!.put({ key: b('a'), value: b('1'), lease: id });
    await clock.advance(9_000);
    expect(await m[0]!.leaseTimeToLive(id, true)).toMatchObject({ ttl: 1, grantedTtl: 10, keys: [b('a')] });
    expect((await m[0]!.leaseKeepAlive(id)).ttl).toBe(10);
    await clock.advance(9_900);
    expect(await keys(m[0]!)).toEqual(['a=1']);
    await clock.advance(200);
    expect(await keys(m[0]!)).toEqual([]);
    expect(await m[0]!.leases()).toEqual([]);
    expect((await m[0]!.leaseKeepAlive(id)).ttl).toBe(0);
    expect((await m[0]!.leaseTimeToLive(id)).ttl).toBe(-1);
    expect(m[0]!.history(b('a'))[0]!.provenance).toEqual({
      actor: 'etcd:lessor',
      cause: { timer: `lease ${id.toString(16)} expired` },
    });
  });

  test('get their time again from a new leader, at every member', async () => {
    const l = await lab({ members: 3 });
    const { clock, m, cluster } = l;
    const leader = await leaderOf(l);
    const { id } = await settle(clock, m[leader]!.leaseGrant({ ttl: 5 }));
    await clock.advance(4_000);
    cluster.crash(leader);
    await clock.advanceUntil(() => cluster.leaderIndex() !== undefined, 10_000);
    const follower = m.find((x, i) => x.running && i !== cluster.leaderIndex())!;
    expect((await follower.leaseTimeToLive(id)).ttl).toBeGreaterThanOrEqual(5);
    await clock.advance(8_000);
    expect(await follower.leases()).toEqual([]);
  });
});

describe('a store on disk', () => {
  test('keeps everything over a restart: state, history, provenance, log, leases, identity', async () => {
    const path = join(tempDir(), 'cluster.db');
    const clock = new VirtualClock({ startMs: 1_000_000 });
    const first = await lab({ clock, storage: openStorage({ path }), members: 3 });
    await settle(clock, first.m[1]!.put({ key: b('a'), value: b('1') }, { provenance }));
    await settle(clock, first.m[1]!.put({ key: b('a'), value: b('2') }));
    const { id } = await settle(clock, first.m[0]!.leaseGrant({ ttl: 60, id: 2n ** 62n + 1n }));
    await settle(clock, first.m[2]!.put({ key: b('b'), value: b('1'), lease: id }));
    await settle(clock, first.m[0]!.compact(3));
    const before = { id: first.m[0]!.memberId, log: first.cluster.raftLog(), time: clock.now() };
    await first.cluster.close();
    const again = await lab({ clock, storage: openStorage({ path }) });
    expect(again.cluster.size).toBe(3);
    expect(again.m[0]!.memberId).toBe(before.id);
    for (const member of again.m) expect(await keys(member)).toEqual(['a=2', 'b=1']);
    expect((await settle(clock, again.m[0]!.leaseTimeToLive(id, true))).keys).toEqual([b('b')]);
    await expect(again.m[0]!.range({ key: b('a'), revision: 2, serializable: true })).rejects.toThrow('compacted');
    const [, oldest] = again.m[0]!.history(b('a'));
    expect(oldest).toMatchObject({ revision: 2, version: 1, provenance });
    expect(String(oldest!.value)).toBe('1');
    expect(oldest!.time).toBeGreaterThanOrEqual(1_000_000);
    const log = again.cluster.raftLog({ to: before.log.at(-1)!.index });
    expect(log).toEqual(before.log.map((entry) => ({ ...entry, committed: true, applied: true })));
    expect(log.map((e) => e.summary)).toContain('put a (1 bytes)');
    await settle(clock, again.m[0]!.put({ key: b('c'), value: b('3') }));
  });

  test('stores a value once: the log refers to the revision', async () => {
    const storage = openStorage({ path: join(tempDir(), 'cluster.db') });
    const { m, clock, cluster } = await lab({ storage, members: 3 });
    await settle(clock, m[0]!.put({ key: b('a'), value: Buffer.alloc(10_000, 'x') }));
    cluster.transport.setDefault({ delayMs: 50 });
    await settle(clock, m[0]!.put({ key: b('b'), value: Buffer.alloc(10_000, 'y') }));
    await clock.advance(1_000);
    const { rows } = storage.query(`SELECT length(payload), request FROM raft_entry WHERE type = 'put' ORDER BY idx`);
    expect(rows.map(([payload]) => payload)).toEqual([null, null]);
    expect(String(rows[0]![1])).toContain('"value":{"rev":2,"sub":0}');
    expect(storage.query('SELECT count(*) FROM kv').rows).toEqual([[2]]);
  });

  test('refuses another number of members than it was made with', async () => {
    const path = join(tempDir(), 'cluster.db');
    await (await lab({ storage: openStorage({ path }), members: 3 })).cluster.close();
    await expect(lab({ storage: openStorage({ path }), members: 1 })).rejects.toThrow(
      'the cluster was made with 3 etcd members, not 1',
    );
  });

  test('that is full answers NOSPACE, still reads, and goes on when there is room', async () => {
    const storage = openStorage({ path: join(tempDir(), 'cluster.db'), maxPages: 150 });
    const { m } = await lab({ storage });
    await m[0]!.put({ key: b('a'), value: b('1') });
    const watcher = m[0]!.watch({ key: b('a') });
    for (let i = 0; i < 3; i++) {
      await expect(m[0]!.put({ key: b('a'), value: Buffer.alloc(1_000_000) })).rejects.toMatchObject({
        code: 'ResourceExhausted',
        message: 'etcdserver: mvcc: database space exceeded',
      });
      expect(await keys(m[0]!, false)).toEqual(['a=1']);
    }
    await m[0]!.put({ key: b('a'), value: b('2') });
    const seen: number[] = [];
    for await (const { events } of watcher) {
      for (const e of events) seen.push(e.kv.modRevision);
      if (seen.length > 0) break;
    }
    expect(seen).toEqual([3]);
  });

  test('over its quota raises the NOSPACE alarm, which lets deletes through until it is disarmed', async () => {
    const storage = openStorage({ path: join(tempDir(), 'cluster.db') });
    const { m } = await lab({ storage, quotaBytes: 600_000 });
    const fill = async () => {
      for (let i = 0; i < 200; i++) await m[0]!.put({ key: b(`k${i}`), value: Buffer.alloc(8_000) });
    };
    await expect(fill()).rejects.toThrow('etcdserver: mvcc: database space exceeded');
    await expect
      .poll(async () => (await m[0]!.alarm({ action: 'get', memberId: 0n, alarm: 'none' })).alarms)
      .toEqual([{ memberId: m[0]!.memberId, alarm: 'nospace' }]);
    expect((await m[0]!.status()).errors.join()).toContain('alarm:NOSPACE');
    await m[0]!.deleteRange({ key: b('k'), rangeEnd: b('l') });
    expect(await keys(m[0]!)).toEqual([]);
    const off = await m[0]!.alarm({ action: 'deactivate', memberId: m[0]!.memberId, alarm: 'nospace' });
    expect(off.alarms.length).toBe(1);
  });
});

describe('nothing leaves before it is durable', () => {
  test('answers and watch events wait for the commit', async () => {
    const order: string[] = [];
    const inner = memoryStorage();
    let writes = 0;
    const storage: ClusterStorage = {
      ...inner,
      commit() {
        if (writes > 0) order.push('commit');
      },
    };
    const append = inner.backend.append.bind(inner.backend);
    inner.backend.append = (row) => {
      writes++;
      order.push('append');
      append(row);
    };
    const { m } = await lab({ storage });
    const watcher = m[0]!.watch({ key: b('a') });
    const watched = (async () => {
      for await (const { events } of watcher) {
        if (events.length === 0) continue;
        order.push('event');
        return;
      }
    })();
    await m[0]!.put({ key: b('a'), value: b('1') }).then(() => order.push('answer'));
    await watched;
    expect(order.slice(0, 2)).toEqual(['append', 'commit']);
    expect(order).toContain('event');
    expect(order).toContain('answer');
  });

  test('an unknown end of a commit stops the cluster; nobody is told of a success', async () => {
    const inner = memoryStorage();
    let broken = false;
    const storage: ClusterStorage = {
      ...inner,
      commit() {
        if (broken) throw Object.assign(new Error('disk I/O error'), { code: 'IO' });
      },
    };
    const failures: unknown[] = [];
    const { m } = await lab({ storage, onFailure: (error) => failures.push(error) });
    await m[0]!.put({ key: b('a'), value: b('1') });
    broken = true;
    await expect(m[0]!.put({ key: b('a'), value: b('2') })).rejects.toThrow('etcdserver: server stopped');
    expect(String(failures)).toContain('disk I/O error');
    await expect(m[0]!.range(all)).rejects.toThrow('etcdserver: server stopped');
  });

  test('requests that come together share a commit, in bounded batches', async () => {
    const inner = memoryStorage();
    let commits = 0;
    const storage: ClusterStorage = { ...inner, commit: () => commits++ };
    const { m } = await lab({ storage });
    commits = 0;
    await Promise.all(Array.from({ length: 300 }, (_, i) => m[0]!.put({ key: b(`k${i}`), value: b('1') })));
    expect(commits).toBe(3);
    commits = 0;
    await Promise.all(
      Array.from({ length: 4 }, (_, i) => m[0]!.put({ key: b(`k${i}`), value: Buffer.alloc(600_000) })),
    );
    expect(commits).toBe(4);
  });
});

test('history has bounds: short for leases and events, and none of it that etcd still promises', async () => {
  const { clock, m } = await lab();
  for (let i = 0; i < 5; i++) {
    await m[0]!.put({ key: b('/registry/leases/x'), value: b(String(i)) });
    await m[0]!.put({ key: b('/registry/pods/x'), value: b(String(i)) });
  }
  await clock.advance(11 * 60_000);
  expect(m[0]!.history(b('/registry/leases/x')).length).toBe(5);
  await m[0]!.compact(9);
  await clock.advance(60_000);
  expect(m[0]!.history(b('/registry/leases/x')).map((h) => String(h.value))).toEqual(['4', '3']);
  expect(m[0]!.history(b('/registry/pods/x')).length).toBe(5);
  expect((await m[0]!.range({ ...all, revision: 9 })).kvs.map((kv) => String(kv.value))).toEqual(['3', '3']);
});

test('a large range is read in slices at one revision, while others write', async () => {
  const storage = openStorage({ path: join(tempDir(), 'cluster.db') });
  const { m } = await lab({ storage });
  const name = (i: number) => `k${String(i).padStart(5, '0')}`;
  for (let i = 0; i < 5000; i += 100) {
    const success = Array.from({ length: 100 }, (_, j) => ({
      op: 'put' as const,
      put: { key: b(name(i + j)), value: b('old') },
    }));
    await m[0]!.txn({ compare: [], success, failure: [] });
  }
  const { revision } = m[0]!.header();
  const reading = m[0]!.range({ key: b('k'), rangeEnd: b('l') });
  for (const i of [10, 4990]) await m[0]!.put({ key: b(name(i)), value: b('new') });
  await m[0]!.deleteRange({ key: b(name(4000)), rangeEnd: b(name(4500)) });
  await m[0]!.compact(m[0]!.header().revision);
  const { kvs, count, more, header } = await reading;
  expect([kvs.length, count, more, header.revision]).toEqual([5000, 5000, false, revision]);
  expect(kvs.every((kv, i) => String(kv.key) === name(i) && String(kv.value) === 'old')).toBe(true);
  const page = await m[0]!.range({ key: b('k'), rangeEnd: b('l'), limit: 3000 });
  expect([page.kvs.length, page.count, page.more]).toEqual([3000, 4500, true]);
});
