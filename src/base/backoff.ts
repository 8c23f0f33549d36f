import type { Clock } from './clock.ts';
import type { Prng } from './prng.ts';

export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
  /** Default 2. */
  readonly factor?: number;
  /** Extra random share of the delay, 0..1. Default 0. */
  readonly jitter?: number;
}

/** Exponential backoff without state beyond the step count. */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #prng: Prng | undefined;
  #step = 0;

  constructor(options: BackoffOptions, prng?: Prng) {
    this.#options = options;
    this.#prng = prng;
  }

  /** The next delay in ms. */
  next(): number {
    const { initialMs, maxMs, factor = 2, jitter = 0 } = this.#options;
    const base = Math.min(maxMs, initialMs * factor ** this.#step++);
    return jitter > 0 && this.#prng ? base * (1 + jitter * this.#prng.float()) : base;
  }

  reset(): void {
    this.#step = 0;
  }

  async wait(clock: Clock, signal?: AbortSignal): Promise<void> {
    await clock.sleep(this.next(), signal);
  }
}
