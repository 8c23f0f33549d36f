import { describe, expect, it } from 'vitest';
import {
  Backoff,
  BoundedQueue,
  Prng,
  QueueOverflowError,
  rfc3339,
  rfc3339Micro,
  StoppedError,
  TaskGroup,
  VirtualClock,
} from '../../src/base/index.ts';

describe('Prng', () => {
  it('the same seed gives the same stream, another seed another', () => {
    const draw = (seed: string) => Array.from({ length: 8 }, () => new Prng(seed)).map((p) => p.uuid());
    expect(new Set(draw('a')).size).toBe(1);
    expect(draw('a')[0]).not.toBe(draw('b')[0]);
  });

  it('forks do not disturb their parent', () => {
    const one = new Prng('s');
    const two = new Prng('s');
    one.fork('x').uint32();
    expect(one.uint32()).toBe(two.uint32());
    expect(one.fork('x').uint32()).toBe(two.fork('x').uint32());
    expect(one.fork('x').uint32()).not.toBe(two.fork('y').uint32());
  });

  it('int is near uniform', () => {
    const prng = new Prng('uniform');
    const counts = new Array(10).fill(0);
    for (let i = 0; i < 10_000; i++) counts[prng.int(10)]++;
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  it('uuids are version 4', () => {
    expect(new Prng('u').uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

describe('BoundedQueue', () => {
  it('gives items in order and ends when closed', async () => {
    const queue = new BoundedQueue<number>(10);
    queue.push(1);
    queue.push(2);
    queue.close();
    const seen: number[] = [];
    for await (const item of queue) seen.push(item);
    expect(seen).toEqual([1, 2]);
    expect(queue.push(3)).toBe(false);
  });

  it('ends with an error when it overflows', async () => {
    const queue = new BoundedQueue<number>(2);
    queue.push(1);
    queue.push(2);
    expect(queue.push(3)).toBe(false);
    await expect(queue.next()).rejects.toBeInstanceOf(QueueOverflowError);
  });
});

describe('TaskGroup', () => {
  it('the first failure aborts the siblings and is what wait throws', async () => {
    const clock = new VirtualClock();
    const group = new TaskGroup();
    let ended = false;
    group.spawn('sleeper', async (signal) => {
      try {
        await clock.sleep(1e9, signal);
      } finally {
        ended = true;
      }
    });
    group.spawn('failing', async () => {
      throw new Error('boom');
    });
    await expect(group.wait()).rejects.toThrow('boom');
    expect(ended).toBe(true);
  });

  it('stop waits for children and swallows their abort', async () => {
    const clock = new VirtualClock();
    const group = new TaskGroup();
    group.spawn('sleeper', (signal) => clock.sleep(1e9, signal));
    await group.stop(new StoppedError());
    expect(group.size).toBe(0);
  });
});

describe('small things', () => {
  it('backoff doubles up to its limit', () => {
    const backoff = new Backoff({ initialMs: 10, maxMs: 50 });
    expect([backoff.next(), backoff.next(), backoff.next(), backoff.next()]).toEqual([10, 20, 40, 50]);
  });

  it('times are written as metav1 writes them', () => {
    expect(rfc3339(1763805600123)).toBe('2025-11-22T10:00:00Z');
    expect(rfc3339Micro(1763805600123)).toBe('2025-11-22T10:00:00.123000Z');
  });
});
