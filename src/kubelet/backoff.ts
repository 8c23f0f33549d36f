import type { Clock } from '../base/index.ts';

interface Entry {
  backoffMs: number;
  lastUpdate: number;
}

/**
 * Exponential delays by key, forgotten after twice the maximum without use.
 * Upstream: client-go/util/flowcontrol/backoff.go. Used for crash loops and image pulls: 10 s doubling to 300 s.
 */
export class KeyedBackoff {
  readonly #clock: Clock;
  readonly #initialMs: number;
  readonly #maxMs: number;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock, initialMs: number, maxMs: number) {
    this.#clock = clock;
    this.#initialMs = initialMs;
    this.#maxMs = maxMs;
  }

  get(key: string): number {
    return this.#entries.get(key)?.backoffMs ?? 0;
  }

  /** Moves to the next delay; `eventTime` is when what is backed off from happened. */
  next(key: string, eventTime: number): void {
    const entry = this.#entries.get(key);
    if (!entry || this.#expired(eventTime, entry)) {
      this.#entries.set(key, { backoffMs: this.#initialMs, lastUpdate: this.#clock.now() });
    } else {
      entry.backoffMs = Math.min(entry.backoffMs * 2, this.#maxMs);
      entry.lastUpdate = this.#clock.now();
    }
  }

  /** Still waiting, counted from `eventTime`. */
  isInBackOffSince(key: string, eventTime: number): boolean {
    const entry = this.#entries.get(key);
    if (!entry || this.#expired(eventTime, entry)) return false;
    return this.#clock.now() - eventTime < entry.backoffMs;
  }

  /** Still waiting, counted from the last `next`. */
  isInBackOffSinceUpdate(key: string): boolean {
    const entry = this.#entries.get(key);
    const now = this.#clock.now();
    if (!entry || this.#expired(now, entry)) return false;
    return now - entry.lastUpdate < entry.backoffMs;
  }

  forget(prefix: string): void {
    for (const key of this.#entries.keys()) if (key.startsWith(prefix)) this.#entries.delete(key);
  }

  #expired(eventTime: number, entry: Entry): boolean {
    return eventTime - entry.lastUpdate > 2 * this.#maxMs;
  }
}
