/** Upstream: client-go/util/retry. */

import { isConflict } from '../apimachinery/index.ts';
import { Backoff, type Clock, type Prng } from '../base/index.ts';

export interface RetryOptions {
  readonly clock: Clock;
  readonly prng?: Prng;
  /** Attempts. Default 5. */
  readonly steps?: number;
  /** First wait. Default 10 ms (retry.DefaultRetry). */
  readonly initialMs?: number;
  /** Default 1. */
  readonly factor?: number;
  readonly signal?: AbortSignal;
}

/** Repeats `fn` while it fails with an error for which `retriable` holds; the last error is thrown. */
export async function retryOnError<R>(
  options: RetryOptions,
  retriable: (error: unknown) => boolean,
  fn: () => Promise<R>,
): Promise<R> {
  const { clock, prng, steps = 5, initialMs = 10, factor = 1, signal } = options;
  const backoff = new Backoff({ initialMs, maxMs: 60_000, factor, jitter: 0.1 }, prng);
  for (let attempt = 1; ; attempt++) {
    try {
      return await fn();
    } catch (error) {
      if (attempt >= steps || !retriable(error)) throw error;
    }
    await backoff.wait(clock, signal);
  }
}

/** Repeats read-change-write while it meets a conflict. `fn` must read the object anew. */
export function retryOnConflict<R>(options: RetryOptions, fn: () => Promise<R>): Promise<R> {
  return retryOnError(options, isConflict, fn);
}
