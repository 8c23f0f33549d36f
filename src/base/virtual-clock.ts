import { assert } from './assert.ts';
import { BaseClock, type Clock, idleTurn, realClock, type Timer, turnsPending, yieldToEventLoop } from './clock.ts';

/** Turns given to work that never ends before time goes on without it. */
const settleTurnsMax = 10_000;

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
  /** Turns of the event loop given to the code a timer woke, at least, before the next timer fires. Default 1. */
  readonly turnsPerTimer?: number;
}

/** Virtual time as a function of real time: `sinceVirtual` + (now − `sinceReal`) × `factor`. */
interface Driver {
  readonly factor: number;
  readonly sinceReal: number;
  readonly sinceVirtual: number;
}

/**
 * A clock that moves when told to: `advance`, `step`, `advanceUntil`, or by itself at a speed against real time
 * (`setSpeed`; 1 is real time). Timers fire in order of (time, time of registration); after each, all work that waits
 * for a turn of the event loop is done, so that, while nobody drives it, the same seed gives the same history.
 */
export class VirtualClock extends BaseClock {
  readonly #timers = new TimerHeap();
  readonly #startMs: number;
  readonly #turnsPerTimer: number;
  #elapsedMs = 0;
  /** Highest time anybody has been told: never told less. */
  #told = 0;
  #seq = 0;
  /** Moves of the clock come one after the other. */
  #moving: Promise<unknown> = Promise.resolve();
  #moves = 0;
  #driver: Driver | undefined;
  #alarm: Timer | undefined;

  constructor(options: VirtualClockOptions = {}) {
    super();
    this.#startMs = options.startMs ?? realClock.now();
    this.#turnsPerTimer = options.turnsPerTimer ?? 1;
  }

  now(): number {
    return this.#startMs + this.monotonic();
  }

  monotonic(): number {
    const driven = this.#driver && this.#drivenMs(this.#driver);
    const now = driven === undefined ? this.#elapsedMs : Math.max(this.#elapsedMs, driven);
    if (now > this.#told) this.#told = now;
    return this.#told;
  }

  #drivenMs({ factor, sinceReal, sinceVirtual }: Driver): number {
    return sinceVirtual + (realClock.monotonic() - sinceReal) * factor;
  }

  schedule(ms: number, fn: () => void): Timer {
    const entry: Entry = { at: this.monotonic() + Math.max(0, ms), seq: this.#seq++, fn, cancelled: false };
    this.#timers.push(entry);
    if (this.#driver && this.#timers.peek() === entry) this.#setAlarm();
    return {
      cancel: () => {
        entry.cancelled = true;
      },
    };
  }

  /** Speed against real time; 0 when paused (only `advance` and `step` move time). */
  get speed(): number {
    return this.#driver?.factor ?? 0;
  }

  /** Milliseconds until the next timer, or undefined when nothing waits. */
  get nextTimerInMs(): number | undefined {
    const next = this.#timers.peek();
    return next && Math.max(0, next.at - this.monotonic());
  }

  /** Moves time forward by `ms`, firing what falls due on the way. */
  advance(ms: number): Promise<void> {
    assert(ms >= 0 && Number.isFinite(ms), 'a clock only moves forward');
    return this.#move(async () => {
      await this.#settle();
      await this.#fireUntil(this.monotonic() + ms);
    });
  }

  /** Fires the next timer, moving time to it. Returns false when nothing waits. */
  step(): Promise<boolean> {
    return this.#move(async () => {
      await this.#settle();
      const next = this.#timers.peek();
      if (!next) return false;
      await this.#fire(next);
      return true;
    });
  }

  /**
   * Steps until `done()` holds. Returns whether it came to hold within `limitMs` of virtual time.
   * The way tests wait: no fixed sleeps.
   */
  async advanceUntil(done: () => boolean | Promise<boolean>, limitMs: number): Promise<boolean> {
    const end = this.monotonic() + limitMs;
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

  /** Lets time run by itself at `factor` × real time; 0 pauses it. */
  setSpeed(factor: number): void {
    assert(factor >= 0 && Number.isFinite(factor), 'speed must be zero or more');
    this.#elapsedMs = this.monotonic();
    this.#alarm?.cancel();
    this.#alarm = undefined;
    this.#driver =
      factor === 0 ? undefined : { factor, sinceReal: realClock.monotonic(), sinceVirtual: this.#elapsedMs };
    this.#setAlarm();
  }

  pause(): void {
    this.setSpeed(0);
  }

  /** Arms the real timer that fires what falls due while the clock is driven. */
  #setAlarm(): void {
    this.#alarm?.cancel();
    this.#alarm = undefined;
    const next = this.#timers.peek();
    const driver = this.#driver;
    if (!next || !driver || this.#moves > 0) return;
    const waitMs = Math.max(0, (next.at - this.#drivenMs(driver)) / driver.factor);
    this.#alarm = realClock.schedule(waitMs, () => {
      this.#alarm = undefined;
      void this.#move(async () => {
        if (this.#driver) await this.#fireUntil(this.monotonic());
      });
    });
  }

  /** Runs one move after those before it; the driver goes on from where it ends. */
  #move<T>(work: () => Promise<T>): Promise<T> {
    this.#moves++;
    const result = this.#moving.then(work).finally(() => {
      this.#moves--;
      const driver = this.#driver;
      // What was skipped over by `advance` must not be lived through again.
      if (driver && this.#elapsedMs > this.#drivenMs(driver)) {
        this.#driver = { ...driver, sinceReal: realClock.monotonic(), sinceVirtual: this.#elapsedMs };
      }
      this.#setAlarm();
    });
    this.#moving = result.catch(() => {});
    return result;
  }

  async #fireUntil(end: number): Promise<void> {
    for (let next = this.#timers.peek(); next && next.at <= end; next = this.#timers.peek()) await this.#fire(next);
    this.#elapsedMs = Math.max(this.#elapsedMs, end);
  }

  async #fire(entry: Entry): Promise<void> {
    this.#timers.pop();
    this.#elapsedMs = Math.max(this.#elapsedMs, entry.at);
    entry.fn();
    await this.#settle();
  }

  /** While nobody drives the clock, what a timer set off ends before the next one fires: work takes no virtual time. */
  async #settle(): Promise<void> {
    for (let i = 0; i < this.#turnsPerTimer; i++) await idleTurn();
    for (let i = 0; i < settleTurnsMax && !this.#driver && turnsPending() > 0; i++) await idleTurn();
  }
}

/** A virtual clock's controls, for those who only need to know whether time stands still. */
export function isVirtualClock(clock: Clock): clock is VirtualClock {
  return clock instanceof VirtualClock;
}
