import { describe, expect, it } from 'vitest';
import { StoppedError, VirtualClock } from '../../src/base/index.ts';
import {
  currentCause,
  ItemExponentialFailureRateLimiter,
  type RequestCause,
  runWorkers,
  TokenBucket,
  Workqueue,
} from '../../src/client/index.ts';

function make() {
  const clock = new VirtualClock({ startMs: 0 });
  return { clock, queue: new Workqueue({ clock }, { name: 'test' }) };
}

describe('a work queue', () => {
  it('holds a key once, in order of first addition', async () => {
    const { queue } = make();
    for (const key of ['a', 'b', 'a']) queue.add(key);
    expect(queue.length).toBe(2);
    expect((await queue.get())!.key).toBe('a');
    expect((await queue.get())!.key).toBe('b');
  });

  it('gives a key that is added while it is handled again afterwards, never twice at a time', async () => {
    const { queue } = make();
    queue.add('a');
    await queue.get();
    queue.add('a');
    queue.add('a');
    expect(queue.length).toBe(0);
    queue.done('a');
    expect(queue.length).toBe(1);
    await queue.get();
    queue.done('a');
    expect(queue.idle).toBe(true);
  });

  it('lets a key rest that asks for it, and gives what came meanwhile as one', async () => {
    const { clock, queue } = make();
    queue.add('a');
    await queue.get();
    queue.rest('a', 50);
    queue.add('a', { object: 'pods/default/a', revision: 1, count: 1 });
    queue.done('a');
    queue.add('a', { object: 'pods/default/b', revision: 2, count: 1 });
    queue.add('b');
    expect((await queue.get())!.key).toBe('b');
    await clock.advance(49);
    expect(queue.length).toBe(0);
    await clock.advance(1);
    expect((await queue.get())!).toEqual({ key: 'a', cause: { object: 'pods/default/b', revision: 2, count: 2 } });
    queue.done('a');
    queue.add('a');
    expect(queue.length).toBe(1);
  });

  it('adds later on its clock, the earlier of two delays counting', async () => {
    const { clock, queue } = make();
    queue.addAfter('a', 10_000);
    queue.addAfter('a', 2_000);
    queue.addAfter('a', 5_000);
    await clock.advance(1_999);
    expect(queue.length).toBe(0);
    await clock.advance(1);
    expect(queue.length).toBe(1);
    await clock.advance(60_000);
    expect(queue.length).toBe(1);
  });

  it('backs a failing key off from 5 ms, doubling, until it is forgotten', () => {
    const limiter = new ItemExponentialFailureRateLimiter(5, 1_000_000);
    expect([1, 2, 3, 4].map(() => limiter.when('a'))).toEqual([5, 10, 20, 40]);
    expect(limiter.when('b')).toBe(5);
    for (let i = 0; i < 40; i++) limiter.when('a');
    expect(limiter.when('a')).toBe(1_000_000);
    limiter.forget('a');
    expect(limiter.numRequeues('a')).toBe(0);
    expect(limiter.when('a')).toBe(5);
  });

  it('limits all keys together to 10 a second after a burst of 100', async () => {
    const clock = new VirtualClock({ startMs: 0 });
    const bucket = new TokenBucket(clock, 10, 100);
    for (let i = 0; i < 100; i++) expect(bucket.reserve()).toBe(0);
    expect(bucket.reserve()).toBeCloseTo(100);
    expect(bucket.reserve()).toBeCloseTo(200);
    await clock.advance(300);
    expect(bucket.tryAccept()).toBe(true);
    expect(bucket.tryAccept()).toBe(false);
  });

  it('merges what caused a key: the newest revision, the number of triggers, an object before a timer', async () => {
    const { clock, queue } = make();
    queue.add('a', { object: 'pods/default/x', revision: 7, count: 1 });
    queue.add('a', { object: 'pods/default/y', revision: 5, count: 1 });
    queue.addAfter('a', 10, { timer: 'resync' });
    await clock.advance(10);
    expect((await queue.get())!.cause).toEqual({ object: 'pods/default/x', revision: 7, count: 3 });
    queue.done('a');
    queue.addRateLimited('a');
    await clock.advance(1_000);
    expect((await queue.get())!.cause).toEqual({ timer: 'retry' });
  });

  it('lets waiting workers go when it is shut down', async () => {
    const { queue } = make();
    const got = queue.get();
    queue.shutDown();
    expect(await got).toBeUndefined();
    queue.add('a');
    expect(queue.length).toBe(0);
  });
});

describe('workers', () => {
  it('reconcile in the context of the cause, retry what fails, and end with the work in hand', async () => {
    const { clock, queue } = make();
    const stop = new AbortController();
    const seen: (RequestCause | undefined)[] = [];
    let failures = 3;
    const done = runWorkers(queue, { workers: 2, signal: stop.signal }, async () => {
      seen.push(currentCause());
      if (failures-- > 0) throw new Error('not yet');
    });
    queue.add('a', { object: 'pods//x', revision: 1, count: 1 });
    expect(await clock.advanceUntil(() => seen.length === 4, 1_000)).toBe(true);
    expect(seen).toEqual([{ object: 'pods//x', revision: 1, count: 1 }, ...Array(3).fill({ timer: 'retry' })]);
    expect(clock.monotonic()).toBe(35);
    expect(queue.numRequeues('a')).toBe(0);
    stop.abort(new StoppedError());
    await done;
    expect(currentCause()).toBeUndefined();
  });

  it('drop a key after its retries', async () => {
    const { clock, queue } = make();
    const stop = new AbortController();
    let calls = 0;
    const done = runWorkers(queue, { workers: 1, signal: stop.signal, maxRetries: 2 }, async () => {
      calls++;
      throw new Error('never');
    });
    queue.add('a');
    await clock.advance(60_000);
    expect(calls).toBe(3);
    stop.abort();
    await done;
  });
});
