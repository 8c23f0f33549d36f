import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Prng } from '../../src/base/index.ts';
import { type EtcdClusterOptions, type MemberInfo, memoryStorage } from '../../src/etcd/index.ts';
import { openStorage } from '../../src/sqlite/index.ts';
import { all, b, lab, tempDir } from './harness.ts';

interface Result {
  /** Every change, oldest first. */
  readonly changes: string[];
  readonly log: string[];
  readonly acknowledged: number;
}

/**
 * Clients and faults by seed, on a virtual clock: writes at random members, links that delay, lose and reorder,
 * partitions, crashes. Checked: what was acknowledged is there once and in the order of its revisions; linearizable
 * reads never go back; a watch has no gap and nothing twice; members end equal.
 */
async function simulate(seed: string, options: Partial<EtcdClusterOptions>, faults: boolean): Promise<Result> {
  const l = await lab({ members: 3, seed, ...options });
  const { cluster, clock, m } = l;
  const prng = new Prng(`${seed}/clients`);
  const acknowledged = new Map<string, number>();
  let running = 0;
  let newestRead = 0;
  cluster.transport.setDefault(faults ? { delayMs: 5, jitterMs: 20, drop: 0.02 } : {});

  const watched: number[] = [];
  const watcher = m[0]!.watch({ key: b('k'), rangeEnd: b('l') });
  const watching = (async () => {
    try {
      for await (const { events } of watcher) for (const e of events) watched.push(e.kv.modRevision);
    } catch {
      // Its member crashed: the watch ends there.
    }
  })();

  const write = async (member: number, n: number) => {
    running++;
    try {
      const put = { key: b(`k${n % 5}`), value: b(`value-${n}`) };
      const { header } = await m[member]!.txn({ compare: [], success: [{ op: 'put', put }], failure: [] });
      acknowledged.set(`value-${n}`, header.revision);
    } catch {
      // Refused or timed out: it may or may not have happened.
    } finally {
      running--;
    }
  };
  const read = async (member: number) => {
    running++;
    const before = newestRead;
    try {
      const { header } = await m[member]!.range({ key: b('k0') });
      expect(header.revision).toBeGreaterThanOrEqual(before);
      newestRead = Math.max(newestRead, header.revision);
    } catch (error) {
      expect(error).toMatchObject({ code: 'Unavailable' });
    } finally {
      running--;
    }
  };

  for (let n = 0; n < 250; n++) {
    const dice = prng.int(100);
    const member = prng.int(3);
    if (dice < 60) void write(member, n);
    else if (dice < 80) void read(member);
    else if (faults && dice < 84) cluster.transport.partition([1 + member]);
    else if (faults && dice < 90) cluster.transport.heal();
    else if (faults && dice < 92 && m[member]!.running && m.filter((x) => x.running).length === 3)
      cluster.crash(member);
    else if (faults && dice < 96) for (const [i, x] of m.entries()) if (!x.running) cluster.restart(i);
    await clock.advance(prng.int(40));
  }
  cluster.transport.heal();
  cluster.transport.setDefault({});
  for (const [i, x] of m.entries()) if (!x.running) cluster.restart(i);
  await clock.advanceUntil(() => running === 0, 60_000);
  await clock.advance(5_000);

  const changes = m[0]!.changes({ from: 0, to: Number.MAX_SAFE_INTEGER });
  const values = changes.map((c) => String(c.value));
  expect(new Set(values).size, 'a write happened twice').toBe(values.length);
  for (const [value, revision] of acknowledged) {
    expect(
      changes.find((c) => c.revision === revision && String(c.value) === value),
      `${value} was lost`,
    ).toBeDefined();
  }
  expect(changes.map((c) => c.revision)).toEqual(changes.map((_, i) => i + 2));
  expect(watched).toEqual(watched.map((_, i) => i + 2));
  const states = await Promise.all(m.map((x) => x.range({ ...all, serializable: true })));
  expect(states[1]!.kvs).toEqual(states[0]!.kvs);
  expect(states[2]!.kvs).toEqual(states[0]!.kvs);
  expect(new Set((await Promise.all(m.map((x) => x.hashKV(0)))).map((h) => h.hash)).size).toBe(1);
  watcher.cancel();
  await watching;
  const log = cluster.raftLog().map((e) => `${e.index}/${e.term} ${e.summary} ${e.revisions ?? ''}`);
  await cluster.close();
  return {
    changes: changes.map((c) => `${c.revision} ${c.key}=${c.value} ${c.time}`),
    log,
    acknowledged: acknowledged.size,
  };
}

/**
 * The same with members that come and go meanwhile: three at least stay, whoever is removed takes no acknowledged write
 * along, and who is there at the end has all of them.
 */
async function simulateMembers(seed: string, options: Partial<EtcdClusterOptions>) {
  const l = await lab({ members: 3, seed, ...options });
  const { cluster, clock } = l;
  const prng = new Prng(`${seed}/members`);
  const acknowledged = new Map<string, number>();
  const changed = { added: 0, promoted: 0, removed: 0 };
  let running = 0;
  const run = (work: Promise<unknown>, done: () => void = () => {}) => {
    running++;
    // Refused, timed out, or its member is gone: it may or may not have happened.
    work.then(done, () => {}).finally(() => running--);
  };
  cluster.transport.setDefault({ delayMs: 2, jitterMs: 10, drop: 0.01 });
  for (let n = 0; n < 300; n++) {
    const dice = prng.int(100);
    const at = cluster.member(prng.int(cluster.size));
    const { members } = await at.memberList().catch(() => ({ members: [] as readonly MemberInfo[] }));
    const voters = members.filter(({ isLearner }) => !isLearner);
    const learners = members.filter(({ isLearner }) => isLearner);
    if (dice < 70) {
      const value = `value-${n}`;
      const put = at.put({ key: b(`k${n % 7}`), value: b(value) });
      run(put, () => void put.then(({ header }) => acknowledged.set(value, header.revision)));
    } else if (dice < 77 && members.length > 0 && members.length < 5) {
      const isLearner = prng.int(2) === 0;
      run(at.memberAdd({ peerUrls: [`http://m${n}:2380`], isLearner }), () => changed.added++);
    } else if (dice < 83 && learners.length > 0) {
      run(at.memberPromote(learners[0]!.id), () => changed.promoted++);
    } else if (dice < 90 && voters.length > 3) {
      run(at.memberRemove(voters[prng.int(voters.length)]!.id), () => changed.removed++);
    } else if (dice < 94) {
      const i = prng.int(cluster.size);
      if (cluster.status().filter(({ role }) => role === 'crashed').length === 0) cluster.crash(i);
    } else for (const [i, { role }] of cluster.status().entries()) if (role === 'crashed') cluster.restart(i);
    await clock.advance(prng.int(60));
  }
  cluster.transport.setDefault({});
  for (const [i, { role }] of cluster.status().entries()) if (role === 'crashed') cluster.restart(i);
  await clock.advanceUntil(() => running === 0, 60_000);
  const level = () => new Set(cluster.members.map(({ cursor }) => cursor.index)).size === 1;
  expect(await clock.advanceUntil(level, 60_000), 'members that do not catch up').toBe(true);
  const changes = cluster.member().changes({ from: 0, to: Number.MAX_SAFE_INTEGER, limit: 10_000 });
  const values = changes.map((c) => String(c.value));
  expect(new Set(values).size, 'a write happened twice').toBe(values.length);
  for (const [value, revision] of acknowledged) {
    const kept = changes.some((c) => c.revision === revision && String(c.value) === value);
    expect(kept, `${value} was lost`).toBe(true);
  }
  const all = Array.from({ length: cluster.size }, (_, i) => cluster.member(i));
  const lists = await Promise.all(all.map(async (m) => (await m.memberList()).members.map(({ id }) => id)));
  for (const list of lists) expect(list).toEqual(lists[0]);
  expect(new Set((await Promise.all(all.map((m) => m.hashKV(0)))).map(({ hash }) => hash)).size).toBe(1);
  await cluster.close();
  return { changed, acknowledged: acknowledged.size };
}

const seeds = Array.from({ length: Number(process.env['KLAB_SIM_SEEDS'] ?? 4) }, (_, i) => `etcd-${i}`);

describe('three members on a bad network', () => {
  test.each(seeds)('lose nothing acknowledged and double nothing: seed %s', async (seed) => {
    const { acknowledged } = await simulate(seed, {}, true);
    expect(acknowledged).toBeGreaterThan(30);
  });

  test.each(seeds.slice(0, 2))('nor when every member has a store of its own: seed %s', async (seed) => {
    await simulate(seed, { stores: 'own' }, true);
  });

  test('nor on disk', async () => {
    await simulate('disk', { storage: openStorage({ path: join(tempDir(), 'cluster.db') }) }, true);
  });
});

test('the same seed gives the same history; another seed another', async () => {
  const one = await simulate('same', {}, true);
  expect(await simulate('same', {}, true)).toEqual(one);
  expect(await simulate('other', {}, true)).not.toEqual(one);
});

test('shared history, stores of their own and a database give one and the same history', async () => {
  const shared = await simulate('equal', {}, true);
  expect(await simulate('equal', { stores: 'own' }, true)).toEqual(shared);
  const path = join(tempDir(), 'cluster.db');
  expect(await simulate('equal', { storage: openStorage({ path }) }, true)).toEqual(shared);
  expect(memoryStorage().members()).toEqual([]);
});

test.each(['shared', 'own'] as const)(
  'members come and go under load and faults, and nothing is lost (%s stores)',
  async (stores) => {
    const totals = { added: 0, promoted: 0, removed: 0, acknowledged: 0 };
    for (const seed of seeds) {
      const { changed, acknowledged } = await simulateMembers(`${seed}/${stores}`, { stores });
      totals.added += changed.added;
      totals.promoted += changed.promoted;
      totals.removed += changed.removed;
      totals.acknowledged += acknowledged;
    }
    // Else nothing was tried.
    expect(Object.entries(totals).filter(([, n]) => n === 0)).toEqual([]);
    expect(totals.acknowledged).toBeGreaterThan(50 * seeds.length);
  },
  20_000 + 1_500 * seeds.length,
);
