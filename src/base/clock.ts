/**
 * The only door to time. Two clocks exist in klab: the cluster clock, which everything the API shows is dated with and
 * which may be virtual, and the wall clock (`wallClock`), which serves TLS, sockets, locks and logs.
 */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Milliseconds since an arbitrary start; never goes back. */
  monotonic(): number;
  /**
   * Resolves after `ms` of this clock.
   * Rejects with `signal.reason` when aborted; the abort listener is removed either way.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Ticks at a fixed rate without drift until aborted (then it ends, without throwing). Missed ticks are merged. */
  every(ms: number, signal: AbortSignal): AsyncGenerator<number, void, void>;
  /** Calls `fn` once after `ms`. `fn` must not throw. */
  schedule(ms: number, fn: () => void): Timer;
}

/** setTimeout's largest delay; longer sleeps are made of several. */
const maxTimeoutMs = 2 ** 31 - 1;

/** Shared `sleep` and `every`, in terms of `schedule`. */
export abstract class BaseClock implements Clock {
  abstract now(): number;
  abstract monotonic(): number;
  abstract schedule(ms: number, fn: () => void): Timer;

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        timer.cancel();
        reject(signal!.reason);
      };
      const timer = this.schedule(Math.max(0, ms), () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  async *every(ms: number, signal: AbortSignal): AsyncGenerator<number, void, void> {
    let next = this.monotonic() + ms;
    while (!signal.aborted) {
      try {
        await this.sleep(next - this.monotonic(), signal);
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
      yield this.now();
      const late = this.monotonic() - next;
      next += ms * (1 + Math.max(0, Math.floor(late / ms)));
    }
  }
}

class RealClock extends BaseClock {
  now(): number {
    return Date.now();
  }

  monotonic(): number {
    return performance.now();
  }

  schedule(ms: number, fn: () => void): Timer {
    let handle: NodeJS.Timeout;
    const arm = (left: number) => {
      handle = left > maxTimeoutMs ? setTimeout(() => arm(left - maxTimeoutMs), maxTimeoutMs) : setTimeout(fn, left);
    };
    arm(ms);
    return { cancel: () => clearTimeout(handle) };
  }
}

/** Real time. As cluster clock when `--clock real` (the default); as wall clock always. */
export const realClock: Clock = new RealClock();

/** For TLS, certificates, token expiry, sockets, locks and logs: never virtual. */
export const wallClock: Clock = realClock;

/** RFC 3339 in whole seconds, as metav1.Time is written: `2026-11-22T10:00:00Z`. */
export function rfc3339(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** RFC 3339 with microseconds, as metav1.MicroTime is written. */
export function rfc3339Micro(ms: number): string {
  const micros = Math.floor((ms - Math.floor(ms)) * 1000);
  return `${new Date(Math.floor(ms)).toISOString().slice(0, 23)}${String(micros).padStart(3, '0')}Z`;
}

const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** RFC 1123 with a numeric zone, in the local time zone, for people: `Sun, 22 Nov 2026 12:36:09 +0000`. */
export function rfc1123Local(ms: number): string {
  const date = new Date(ms);
  const two = (value: number) => String(value).padStart(2, '0');
  const offset = -date.getTimezoneOffset();
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`;
  const day = `${weekdays[date.getDay()]}, ${two(date.getDate())} ${months[date.getMonth()]} ${date.getFullYear()}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())} ${zone}`;
}

/** Milliseconds since the epoch of an RFC 3339 string, NaN when it is none. */
export function parseTime(text: string): number {
  return Date.parse(text);
}

/** Turns asked for and not yet taken, in the whole process. */
let turns = 0;

/** How many pieces of work wait for a turn of the event loop: 0 when all that waits is timers and I/O. */
export function turnsPending(): number {
  return turns;
}

/**
 * Lets the event loop run I/O and timers once. The one zero-delay wait in klab: long jobs call it between slices so
 * that nothing holds the loop for more than 10 ms.
 */
export function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => deferTurn(resolve));
}

/** One turn that `turnsPending` does not count: for whoever waits until nobody else waits for one. */
export function idleTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Runs `fn` in the next turn of the microtask queue. */
export function defer(fn: () => void): void {
  queueMicrotask(fn);
}

/** Runs `fn` once no promise is left to go on, and before the event loop turns: what belongs together has come by then. */
export function deferLast(fn: () => void): void {
  // Ticks run before the microtasks that were there first, and after those they are made in.
  queueMicrotask(() => process.nextTick(fn));
}

/** Runs `fn` in the next turn of the event loop, after I/O; at most one turn later. */
export function deferTurn(fn: () => void): void {
  turns++;
  setImmediate(takeTurn, fn);
}

function takeTurn(fn: () => void): void {
  turns--;
  fn();
}

export interface SlicerOptions {
  /** Wall time of a slice. Default 8 ms. */
  readonly ms?: number;
  /** Items of a slice instead: where the order of what happens must not hang on how fast the machine is. */
  readonly items?: number;
}

/** Yields to the event loop whenever the work since the last yield has taken longer, or was more, than a slice. */
export class Slicer {
  readonly #ms: number;
  readonly #items: number | undefined;
  #since = performance.now();
  #done = 0;

  constructor(options: SlicerOptions = {}) {
    this.#ms = options.ms ?? 8;
    this.#items = options.items;
  }

  /** Asked once per item: true when the caller should `await pause()` before the next one. */
  get due(): boolean {
    if (this.#items !== undefined) return ++this.#done >= this.#items;
    return performance.now() - this.#since > this.#ms;
  }

  async pause(): Promise<void> {
    await yieldToEventLoop();
    this.#since = performance.now();
    this.#done = 0;
  }
}
