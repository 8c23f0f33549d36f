import { describe, expect, test } from 'vitest';
import type { WatchResponse } from '../../src/etcd/index.ts';
import { all, b, lab, leaderOf, settle } from './harness.ts';

async function three() {
  const l = await lab({ members: 3 });
  const leader = await leaderOf(l);
  const any = l.cluster.anyMember();
  return { ...l, any, leader };
}

describe('the API of any live member', () => {
  test.each(['pause', 'crash', 'partition'] as const)(
    'does not notice that the member it uses is gone: %s',
    async (fault) => {
      const { cluster, clock, any } = await three();
      const served = cluster.live.current.index;
      await settle(clock, any.put({ key: b('a'), value: b('1') }));
      if (fault === 'pause') cluster.pause(served - 1);
      else if (fault === 'crash') cluster.crash(served - 1);
      else cluster.transport.partition([served]);
      expect(cluster.live.current.index).not.toBe(served);
      // The leader is gone with it: the write waits for the election, and is not refused.
      const before = clock.monotonic();
      await settle(clock, any.put({ key: b('a'), value: b('2') }));
      expect(clock.monotonic() - before).toBeLessThan(5_000);
      const read = await settle(clock, any.range({ key: b('a') }));
      expect(String(read.kvs[0]!.value)).toBe('2');
    },
  );

  test('answers requests that were under way when their member stopped, once', async () => {
    const { cluster, clock, any, leader } = await three();
    // A slow network: the writes are in the leader's log and nowhere else yet, or still in a queue.
    cluster.transport.setDefault({ delayMs: 30 });
    const writes = Array.from({ length: 5 }, (_, i) => any.put({ key: b(`k${i}`), value: b('x') }));
    const read = any.range(all);
    await clock.advance(45);
    expect(cluster.live.current.index - 1).toBe(leader);
    cluster.pause(leader);
    await settle(clock, Promise.all([...writes, read]));
    const changes = any.changes({ from: 0, to: Number.MAX_SAFE_INTEGER });
    expect(changes.map((c) => String(c.key)).sort()).toEqual(['k0', 'k1', 'k2', 'k3', 'k4']);
  });

  test('watches go on at another member without a gap and without a double', async () => {
    const { cluster, clock, any } = await three();
    const watch = any.watch({ ...all, progressNotify: true });
    const seen: number[] = [];
    let created = 0;
    const reading = (async () => {
      for await (const r of watch) {
        if (r.created) created++;
        for (const e of r.events) seen.push(e.kv.modRevision);
      }
    })();
    for (let round = 0; round < 6; round++) {
      for (let i = 0; i < 3; i++) await settle(clock, any.put({ key: b('k'), value: b(`${round}/${i}`) }));
      const at = cluster.live.current.index - 1;
      if (round % 2 === 0) {
        cluster.crash(at);
        await settle(clock, any.put({ key: b('k'), value: b(`${round}/without`) }));
        cluster.restart(at);
      } else {
        cluster.pause(at);
        await settle(clock, any.put({ key: b('k'), value: b(`${round}/without`) }));
        cluster.resume(at);
      }
      await clock.advance(3_000);
    }
    await clock.advanceUntil(() => seen.length === 24, 10_000);
    expect(seen).toEqual(Array.from({ length: 24 }, (_, i) => i + 2));
    expect(created).toBe(1);
    watch.cancel();
    await reading;
  });

  test('a watch outlives the crash of every member', async () => {
    const { cluster, clock, any } = await three();
    const watch = any.watch(all)[Symbol.asyncIterator]();
    await watch.next();
    for (const i of [0, 1, 2]) cluster.crash(i);
    await expect(any.put({ key: b('k'), value: b('lost') })).rejects.toMatchObject({ code: 'Unavailable' });
    for (const i of [0, 1, 2]) cluster.restart(i);
    const write = any.put({ key: b('k'), value: b('kept') });
    await settle(clock, write);
    const { value } = await settle(clock, watch.next());
    expect((value as WatchResponse).events.map((e) => String(e.kv.value))).toEqual(['kept']);
  });

  test('ends with the cluster', async () => {
    const { cluster, any } = await three();
    const watch = any.watch(all)[Symbol.asyncIterator]();
    await watch.next();
    const end = expect(watch.next()).rejects.toMatchObject({ code: 'Unavailable' });
    await cluster.close();
    await end;
  });
});

describe('messages held by hand', () => {
  test('wait, arrive one by one, and are remembered with what became of them', async () => {
    const { cluster, clock, any, leader } = await three();
    const follower = [1, 2, 3].find((i) => i !== leader + 1)!;
    cluster.transport.hold([follower]);
    // The other two are a majority.
    await settle(clock, any.put({ key: b('a'), value: b('1') }));
    const held = () => cluster.transport.trace({ heartbeats: true }).filter(({ fate }) => fate === 'held');
    expect(held().length).toBeGreaterThan(0);
    expect(held().every(({ message }) => message.from === follower || message.to === follower)).toBe(true);
    const commit = () => cluster.status()[follower - 1]!.commit;
    const before = commit();
    const append = held().find(({ message }) => message.type === 'MsgApp')!;
    cluster.transport.step(0, new Set([append.seq]));
    await clock.advance(1);
    expect(cluster.transport.trace().find(({ seq }) => seq === append.seq)!.fate).toBe('delivered');
    expect(cluster.status()[follower - 1]!.lastIndex).toBeGreaterThan(before);
    cluster.transport.hold([]);
    await clock.advance(5_000);
    expect(held()).toEqual([]);
    await settle(clock, any.put({ key: b('a'), value: b('2') }));
    await clock.advance(1_000);
    expect(new Set(cluster.status().map((s) => s.commit)).size).toBe(1);
  });
});
