/**
 * A queue of keys for reconcilers: a key waits at most once, is never handled by two workers at a time, and a key added
 * while it is being handled comes again afterwards. Each key carries what caused it (DESIGN section 6).
 * Upstream: client-go/util/workqueue (queue, delaying_queue, rate_limiting_queue, default_rate_limiters).
 */
import { AssertionError, type Clock, isAbort, type Logger, type Timer } from '../base/index.ts';
import { mergeCauses, withCause } from './cause.ts';
import { defaultControllerRateLimiter, type RateLimiter } from './rate-limiter.ts';
import type { RequestCause } from './transport.ts';

export interface WorkItem {
  readonly key: string;
  /** Newest triggering revision and number of merged triggers, or a timer. */
  readonly cause: RequestCause | undefined;
}

export interface WorkqueueDeps {
  readonly clock: Clock;
}

export interface WorkqueueOptions {
  readonly name: string;
  /** Default: client-go's DefaultTypedControllerRateLimiter (5 ms … 1000 s per key; 10/s, burst 100 overall). */
  readonly rateLimiter?: RateLimiter;
}

/** Rate-limiting work queue. Unbounded by design: it holds each key of the cluster at most once. */
export class Workqueue {
  readonly name: string;
  readonly #clock: Clock;
  readonly #limiter: RateLimiter;
  #queue: string[] = [];
  #head = 0;
  readonly #dirty = new Map<string, RequestCause | undefined>();
  readonly #processing = new Set<string>();
  readonly #waiting = new Map<
    string,
    { readonly at: number; readonly timer: Timer; cause: RequestCause | undefined }
  >();
  readonly #resting = new Map<string, Timer>();
  #getters: ((item: WorkItem | undefined) => void)[] = [];
  #shutDown = false;

  constructor(deps: WorkqueueDeps, options: WorkqueueOptions) {
    this.name = options.name;
    this.#clock = deps.clock;
    this.#limiter = options.rateLimiter ?? defaultControllerRateLimiter(deps.clock);
  }

  /** Keys ready to be taken. */
  get length(): number {
    return this.#queue.length - this.#head;
  }

  get shuttingDown(): boolean {
    return this.#shutDown;
  }

  /** True when nothing is ready, delayed or in work. */
  get idle(): boolean {
    return this.length === 0 && this.#processing.size === 0 && this.#waiting.size === 0 && this.#dirty.size === 0;
  }

  add(key: string, cause?: RequestCause): void {
    if (this.#shutDown) return;
    if (this.#dirty.has(key)) {
      this.#dirty.set(key, mergeCauses(this.#dirty.get(key), cause));
      return;
    }
    this.#dirty.set(key, cause);
    if (!this.#processing.has(key) && !this.#resting.has(key)) this.#push(key);
  }

  /**
   * Called for a key in work: it is not given out again for `ms` of the cluster clock, and what is added meanwhile comes
   * as one. For reconciles whose cost grows with what they look at. Upstream has none: its writes take that long.
   */
  rest(key: string, ms: number): void {
    if (this.#shutDown || ms <= 0) return;
    this.#resting.get(key)?.cancel();
    const timer = this.#clock.schedule(ms, () => {
      this.#resting.delete(key);
      if (this.#dirty.has(key) && !this.#processing.has(key)) this.#push(key);
    });
    this.#resting.set(key, timer);
  }

  /** Adds after `ms` of the cluster clock; of two delays for one key the earlier counts. */
  addAfter(key: string, ms: number, cause: RequestCause | undefined = { timer: 'requeue-after' }): void {
    if (this.#shutDown) return;
    if (ms <= 0) {
      this.add(key, cause);
      return;
    }
    const at = this.#clock.monotonic() + ms;
    const known = this.#waiting.get(key);
    if (known) {
      known.cause = mergeCauses(known.cause, cause);
      if (known.at <= at) return;
      known.timer.cancel();
    }
    const timer = this.#clock.schedule(ms, () => {
      const due = this.#waiting.get(key)!;
      this.#waiting.delete(key);
      this.add(key, due.cause);
    });
    this.#waiting.set(key, { at, timer, cause: known?.cause ?? cause });
  }

  /** Adds when the rate limiter says the key may be tried again. */
  addRateLimited(key: string, cause: RequestCause | undefined = { timer: 'retry' }): void {
    if (this.#shutDown) return;
    this.addAfter(key, this.#limiter.when(key), cause);
  }

  /** The key succeeded (or is given up): its failures are forgotten. */
  forget(key: string): void {
    this.#limiter.forget(key);
  }

  numRequeues(key: string): number {
    return this.#limiter.numRequeues(key);
  }

  /** The next key, or undefined after shutDown when the queue is empty. Every item taken must be given to `done`. */
  get(): Promise<WorkItem | undefined> {
    const key = this.#shift();
    if (key !== undefined) return Promise.resolve(this.#take(key));
    if (this.#shutDown) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#getters.push(resolve));
  }

  done(key: string): void {
    this.#processing.delete(key);
    if (this.#dirty.has(key) && !this.#resting.has(key)) this.#push(key);
  }

  /** No more adds; waiting `get`s end; delayed keys are dropped. */
  shutDown(): void {
    this.#shutDown = true;
    for (const { timer } of this.#waiting.values()) timer.cancel();
    this.#waiting.clear();
    for (const timer of this.#resting.values()) timer.cancel();
    this.#resting.clear();
    for (const getter of this.#getters.splice(0)) getter(undefined);
  }

  #push(key: string): void {
    const getter = this.#getters.shift();
    if (getter) getter(this.#take(key));
    else this.#queue.push(key);
  }

  #shift(): string | undefined {
    if (this.#head >= this.#queue.length) return undefined;
    const key = this.#queue[this.#head++]!;
    if (this.#head > 1024 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    return key;
  }

  #take(key: string): WorkItem {
    const cause = this.#dirty.get(key);
    this.#dirty.delete(key);
    this.#processing.add(key);
    return { key, cause };
  }
}

export interface WorkerOptions {
  readonly workers: number;
  readonly signal: AbortSignal;
  readonly log?: Logger;
  /** After this many failures of a key it is dropped with a warning. Default: retried for ever. */
  readonly maxRetries?: number;
}

/**
 * Runs `workers` loops over the queue until `signal` aborts, then shuts the queue down and waits for the work in hand.
 * `reconcile` runs in the async context of the item's cause; when it throws, the key comes back rate limited.
 * @throws AssertionError of a reconcile: klab itself is wrong.
 */
export async function runWorkers(
  queue: Workqueue,
  options: WorkerOptions,
  reconcile: (key: string, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { workers, signal, log, maxRetries } = options;
  const stop = () => queue.shutDown();
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  const loop = async () => {
    for (let item = await queue.get(); item && !signal.aborted; item = await queue.get()) {
      const { key, cause } = item;
      try {
        await withCause(cause, () => reconcile(key, signal));
        queue.forget(key);
      } catch (error) {
        if (error instanceof AssertionError) throw error;
        if (signal.aborted && (error === signal.reason || isAbort(error))) return;
        if (maxRetries !== undefined && queue.numRequeues(key) >= maxRetries) {
          log?.warn('dropping key out of the queue', { queue: queue.name, key, error });
          queue.forget(key);
        } else {
          log?.debug('reconcile failed, will retry', { queue: queue.name, key, error });
          queue.addRateLimited(key);
        }
      } finally {
        queue.done(key);
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: workers }, loop));
  } finally {
    stop();
    signal.removeEventListener('abort', stop);
  }
}
