/** etcd's `--auth-token-ttl`, seconds of not being used. */
const ttlMs = 300_000;

/**
 * Simple tokens: who has logged in. They come by Raft entries, so every member knows them, and live in memory only:
 * after a restart clients log in again. Upstream: server/auth/simple_token.go.
 */
export class Tokens {
  /** In order of use. */
  readonly #tokens = new Map<string, { readonly user: string; usedAt: number }>();
  /** Since the last look. */
  #fresh: { readonly user: string; usedAt: number }[] = [];

  /** Without a time, as entries are applied without one: it runs from the next look. */
  add(token: string, user: string): void {
    const entry = { user, usedAt: Number.POSITIVE_INFINITY };
    this.#tokens.set(token, entry);
    this.#fresh.push(entry);
  }

  /** The token's user, who has just been active; undefined when there is no such token, or no longer. `now` is monotonic ms. */
  userOf(token: string, now: number): string | undefined {
    this.#sweep(now);
    const found = this.#tokens.get(token);
    if (!found) return undefined;
    found.usedAt = now;
    this.#tokens.delete(token);
    this.#tokens.set(token, found);
    return found.user;
  }

  #sweep(now: number): void {
    for (const entry of this.#fresh) entry.usedAt = now;
    this.#fresh = [];
    for (const [token, entry] of this.#tokens) {
      if (now - entry.usedAt <= ttlMs) break;
      this.#tokens.delete(token);
    }
  }

  /** Of one user, or all. */
  drop(user?: string): void {
    for (const [token, entry] of this.#tokens) {
      if (user === undefined || entry.user === user) this.#tokens.delete(token);
    }
  }
}
