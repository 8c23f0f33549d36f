import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Prng } from '../../src/base/index.ts';
import { type EtcdClusterOptions, memoryStorage } from '../../src/etcd/index.ts';
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
