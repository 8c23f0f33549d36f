import { describe, expect, it } from 'vitest';
import { realClock, VirtualClock, yieldToEventLoop } from '../../src/base/index.ts';

describe('VirtualClock', () => {
  it('fires timers in order of time, then of registration', async () => {
    const clock = new VirtualClock({ startMs: 0 });
    const seen: string[] = [];
    clock.schedule(20, () => seen.push('b@20'));
    clock.schedule(10, () => seen.push('a@10'));
    clock.schedule(20, () => seen.push('c@20'));
    await clock.advance(15);
    expect(seen).toEqual(['a@10']);
    await clock.advance(5);
    expect(seen).toEqual(['a@10', 'b@20', 'c@20']);
    expect(clock.now()).toBe(20);
  });

  it('a sleeper that sleeps again is woken within the same advance', async () => {
    const clock = new VirtualClock({ startMs: 0 });
    const at: number[] = [];
    void (async () => {
      for (let i = 0; i < 3; i++) {
        await clock.sleep(100);
        at.push(clock.now());
      }
    })();
    await clock.advance(1000);
    expect(at).toEqual([100, 200, 300]);
  });

  it('every() keeps its rate and merges missed ticks', async () => {
    const clock = new VirtualClock({ startMs: 0 });
    const stop = new AbortController();
    const at: number[] = [];
    const done = (async () => {
      for await (const now of clock.every(10, stop.signal)) {
        at.push(now);
        if (at.length === 2) await clock.sleep(25);
      }
    })();
    await clock.advance(70);
    stop.abort();
    await done;
    expect(at).toEqual([10, 20, 50, 60, 70]);
  });

  it('sleep rejects with the reason and leaves no listener behind', async () => {
    const clock = new VirtualClock();
    const stop = new AbortController();
    const reason = new Error('enough');
    const sleeping = clock.sleep(1000, stop.signal);
    stop.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
    await clock.advance(2000);
  });

  it('a cancelled timer never fires', async () => {
    const clock = new VirtualClock();
    let fired = false;
    clock
      .schedule(5, () => {
        fired = true;
      })
      .cancel();
    await clock.advance(10);
    expect(fired).toBe(false);
    expect(clock.nextTimerInMs).toBeUndefined();
  });

  it('advanceUntil stops at the first moment its condition holds', async () => {
    const clock = new VirtualClock({ startMs: 0 });
    let count = 0;
    const stop = new AbortController();
    void (async () => {
      for await (const _ of clock.every(1000, stop.signal)) count++;
    })();
    expect(await clock.advanceUntil(() => count === 5, 60_000)).toBe(true);
    expect(clock.now()).toBe(5000);
    expect(await clock.advanceUntil(() => count === 500, 10_000)).toBe(false);
    stop.abort();
  });

  it('what a timer set off ends before the next one fires, however many turns it takes', async () => {
    const clock = new VirtualClock({ startMs: 0 });
    const seen: string[] = [];
    clock.schedule(1, () => {
      void (async () => {
        for (let i = 0; i < 50; i++) await yieldToEventLoop();
        seen.push(`long work at ${clock.now()}`);
      })();
    });
    clock.schedule(2, () => seen.push('next timer'));
    await clock.advance(2);
    expect(seen).toEqual(['long work at 1', 'next timer']);
  });

  it('work that never ends does not keep time from going on', async () => {
    const clock = new VirtualClock({ startMs: 0 });
    let stop = false;
    void (async () => {
      while (!stop) await yieldToEventLoop();
    })();
    let fired = false;
    clock.schedule(1, () => {
      fired = true;
    });
    await clock.advance(1);
    stop = true;
    expect(fired).toBe(true);
  });

  it('driven, it keeps pace with real time, can be moved ahead, and stands still when paused', async () => {
    const clock = new VirtualClock({ startMs: 0 });
    const fired: number[] = [];
    clock.setSpeed(1000);
    await new Promise<void>((resolve) => {
      clock.schedule(500, () => fired.push(clock.now()));
      clock.schedule(2000, () => resolve());
    });
    expect(fired).toHaveLength(1);
    expect(fired[0]).toBeGreaterThanOrEqual(500);
    const before = clock.now();
    expect(before).toBeGreaterThanOrEqual(2000);
    await clock.advance(3_600_000);
    expect(clock.now()).toBeGreaterThanOrEqual(before + 3_600_000);
    clock.pause();
    const stopped = clock.now();
    await realClock.sleep(5);
    expect(clock.now()).toBe(stopped);
  });
});
