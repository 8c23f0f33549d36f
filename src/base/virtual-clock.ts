import { assert } from './assert.ts';
import { BaseClock, type Clock, realClock, type Timer, yieldToEventLoop } from './clock.ts';

interface Entry {
  readonly at: number;
  readonly seq: number;
  readonly fn: () => void;
  cancelled: boolean;
}

/** Binary heap of timers ordered by (time, sequence). */
class TimerHeap {
  readonly #items: Entry[] = [];

  get size(): number {
    return this.#items.length;
  }

  peek(): Entry | undefined {
    while (this.#items.length > 0 && this.#items[0]!.cancelled) this.pop();
    return this.#items[0];
  }

  push(entry: Entry): void {
    const items = this.#items;
    items.push(entry);
    let i = items.length - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(items[i]!, items[parent]!)) break;
      [items[i], items[parent]] = [items[parent]!, items[i]!];
      i = parent;
    }
  }

  pop(): Entry | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (items.length === 0 || last === undefined) return top;
    items[0] = last;
    let i = 0;
    for (;;) {
      const left = 2 * i + 1;
      if (left >= items.length) return top;
      const right = left + 1;
      const child = right < items.length && before(items[right]!, items[left]!) ? right : left;
      if (!before(items[child]!, items[i]!)) return top;
      [items[i], items[child]] = [items[child]!, items[i]!];
      i = child;
    }
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.seq < b.seq);
}

export interface VirtualClockOptions {
  /** Start, ms since the epoch. Default: wall time. */
  readonly startMs?: number;
  /** Turns of the event loop given to the code a timer woke before the next timer fires. Default 1. */
  readonly turnsPerTimer?: number;
}

/**
 * A clock that moves only when told to: `advance`, `step`, `advanceUntil`, or a real-time driver (`speed`).
 * Timers fire in order of (time, time of registration); after each, microtasks and one macrotask turn pass, so the
 * same seed gives the same history.
 */
export class VirtualClock extends BaseClock {
  readonly #timers = new TimerHeap();
  readonly #startMs: number;
  readonly #turnsPerTimer: number;
  #elapsedMs = 0;
  #seq = 0;
  #advancing = false;
  #driver: { factor: number; stop: () => void } | undefined;

  constructor(options: VirtualClockOptions = {}) {
    super();
    this.#startMs = options.startMs ?? realClock.now();
    this.#turnsPerTimer = options.turnsPerTimer ?? 1;
  }

  now(): number {
    return this.#startMs + this.#elapsedMs;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  schedule(ms: number, fn: () => void): Timer {
    const entry: Entry = { at: this.#elapsedMs + Math.max(0, ms), seq: this.#seq++, fn, cancelled: false };
    this.#timers.push(entry);
    return {
      cancel: () => {
        entry.cancelled = true;
      },
    };
  }

  /** Speed against real time while a driver runs; 0 when paused (only `advance` and `step` move time). */
  get speed(): number {
    return this.#driver?.factor ?? 0;
  }

  /** Milliseconds until the next timer, or undefined when nothing waits. */
  get nextTimerInMs(): number | undefined {
    const next = this.#timers.peek();
    return next && next.at - this.#elapsedMs;
  }

  /** Moves time forward by `ms`, firing what falls due on the way. */
  async advance(ms: number): Promise<void> {
    assert(ms >= 0 && Number.isFinite(ms), 'a clock only moves forward');
    assert(!this.#advancing, 'advance() called while the clock is already advancing');
    this.#advancing = true;
    try {
      const end = this.#elapsedMs + ms;
      await this.#settle();
      for (let next = this.#timers.peek(); next && next.at <= end; next = this.#timers.peek()) {
        await this.#fire(next);
      }
      this.#elapsedMs = Math.max(this.#elapsedMs, end);
    } finally {
      this.#advancing = false;
    }
  }

  /** Fires the next timer, moving time to it. Returns false when nothing waits. */
  async step(): Promise<boolean> {
    assert(!this.#advancing, 'step() called while the clock is already advancing');
    this.#advancing = true;
    try {
      await this.#settle();
      const next = this.#timers.peek();
      if (!next) return false;
      await this.#fire(next);
      return true;
    } finally {
      this.#advancing = false;
    }
  }

  /**
   * Steps until `done()` holds. Returns whether it came to hold within `limitMs` of virtual time.
   * The way tests wait: no fixed sleeps.
   */
  async advanceUntil(done: () => boolean | Promise<boolean>, limitMs: number): Promise<boolean> {
    const end = this.#elapsedMs + limitMs;
    await this.#settle();
    while (!(await done())) {
      const next = this.#timers.peek();
      if (!next || next.at > end) {
        // Work may still be under way on real I/O (SQLite, sockets): give it a few turns before giving up.
        for (let i = 0; i < 20; i++) {
          await yieldToEventLoop();
          if (await done()) return true;
        }
        const later = this.#timers.peek();
        if (!later || later.at > end) return false;
        continue;
      }
      await this.step();
    }
    return true;
  }

  /** Runs virtual time at `factor` × real time until `pause()`; 0 pauses. */
  setSpeed(factor: number): void {
    assert(factor >= 0 && Number.isFinite(factor), 'speed must be zero or more');
    this.#driver?.stop();
    this.#driver = undefined;
    if (factor === 0) return;
    let stopped = false;
    let timer: Timer | undefined;
    let last = realClock.monotonic();
    const tick = async () => {
      if (stopped) return;
      const now = realClock.monotonic();
      const due = (now - last) * factor;
      last = now;
      if (!this.#advancing) await this.advance(due);
      if (stopped) return;
      const next = this.nextTimerInMs;
      const waitMs = Math.min(50, Math.max(1, next === undefined ? 50 : next / factor));
      timer = realClock.schedule(waitMs, () => void tick());
    };
    this.#driver = {
      factor,
      stop: () => {
        stopped = true;
        timer?.cancel();
      },
    };
    void tick();
  }

  pause(): void {
    this.setSpeed(0);
  }

  async #fire(entry: Entry): Promise<void> {
    this.#timers.pop();
    this.#elapsedMs = Math.max(this.#elapsedMs, entry.at);
    entry.fn();
    await this.#settle();
  }

  async #settle(): Promise<void> {
    for (let i = 0; i < this.#turnsPerTimer; i++) await yieldToEventLoop();
  }
}

/** A virtual clock's controls, for those who only need to know whether time stands still. */
export function isVirtualClock(clock: Clock): clock is VirtualClock {
  return clock instanceof VirtualClock;
}
