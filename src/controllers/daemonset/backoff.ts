/** How fast failed pods are replaced: 1 s, doubled with each, at most 15 min. Upstream: flowcontrol.Backoff. */

const firstMs = 1000;
const maxMs = 15 * 60_000;
/** Entries that are forgotten are looked for when there are this many. */
const sweepAt = 1000;

export class FailedPodsBackoff {
  readonly #entries = new Map<string, { ms: number; since: number }>();

  get(key: string): number {
    return this.#entries.get(key)?.ms ?? 0;
  }

  isWaiting(key: string, now: number): boolean {
    const entry = this.#entries.get(key);
    return entry !== undefined && now - entry.since < entry.ms;
  }

  next(key: string, now: number): void {
    const entry = this.#entries.get(key);
    const ms = !entry || now - entry.since > 2 * maxMs ? firstMs : Math.min(2 * entry.ms, maxMs);
    this.#entries.set(key, { ms, since: now });
    if (this.#entries.size % sweepAt === 0) {
      for (const [other, { since }] of this.#entries) if (now - since > 2 * maxMs) this.#entries.delete(other);
    }
  }
}
