/** Nodes waiting to be tainted in one zone, at a limited rate. Upstream: nodelifecycle/scheduler/rate_limited_queue.go. */
import type { Clock } from '../../base/index.ts';
import { TokenBucket } from '../../client/index.ts';

const burst = 1;

export class TaintQueue {
  readonly #clock: Clock;
  #limiter: TokenBucket | undefined;
  #perSecond: number;
  #waiting: string[] = [];
  /** Everything added and not removed, also what has been handled: a node is tainted once until it is reachable again. */
  readonly #known = new Set<string>();

  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#limiter = perSecond > 0 ? new TokenBucket(clock, perSecond, burst) : undefined;
  }

  /** True when nodes wait and the rate lets them through. */
  get active(): boolean {
    return this.#waiting.length > 0 && this.#perSecond > 0;
  }

  /** False when it was added before and not removed since. */
  add(name: string): boolean {
    if (this.#known.has(name)) return false;
    this.#known.add(name);
    this.#waiting.push(name);
    return true;
  }

  remove(name: string): boolean {
    if (!this.#known.delete(name)) return false;
    this.#waiting = this.#waiting.filter((other) => other !== name);
    return true;
  }

  /** 0 stops the queue. A token spent just now stays spent, and a queue that was stopped waits for its first one. */
  setRate(perSecond: number): void {
    if (perSecond === this.#perSecond) return;
    const spent = !this.#limiter?.tryAccept();
    this.#perSecond = perSecond;
    this.#limiter = perSecond > 0 ? new TokenBucket(this.#clock, perSecond, burst) : undefined;
    if (spent) this.#limiter?.tryAccept();
  }

  /** Handles as many as the rate allows; `fn` answers false when the node must stay in the queue. */
  async process(fn: (name: string) => Promise<boolean>): Promise<void> {
    const retry: string[] = [];
    while (this.#waiting.length > 0 && this.#limiter?.tryAccept()) {
      const name = this.#waiting.shift()!;
      if (!(await fn(name)) && this.#known.has(name)) retry.push(name);
    }
    this.#waiting.push(...retry);
  }
}
