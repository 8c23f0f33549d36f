/** One etcd lease for many short-lived keys. Upstream: apiserver/pkg/storage/etcd3/lease_manager.go. */
import type { Clock } from '../../base/index.ts';
import type { KV, LeaseId } from '../../etcd/index.ts';

export interface LeasePoolOptions {
  /** A lease is shared by keys written within this time. Default 60 s. */
  readonly reuseSeconds?: number;
  /** … or this share of the keys' TTL, whichever is less. Default 0.05. */
  readonly reuseShare?: number;
  /** Keys per lease. Default 1000. */
  readonly maxKeys?: number;
}

/** Grants leases for writes with a TTL. A key lives at least its TTL and at most TTL + the reuse time. */
export class LeasePool {
  readonly #kv: KV;
  readonly #clock: Clock;
  readonly #options: Required<LeasePoolOptions>;
  readonly #current = new Map<number, { id: Promise<LeaseId>; until: number; keys: number }>();

  constructor(deps: { kv: KV; clock: Clock }, options: LeasePoolOptions = {}) {
    this.#kv = deps.kv;
    this.#clock = deps.clock;
    this.#options = { reuseSeconds: 60, reuseShare: 0.05, maxKeys: 1000, ...options };
  }

  /** A lease for one more key that is to live `ttlSeconds`. */
  lease(ttlSeconds: number): Promise<LeaseId> {
    const now = this.#clock.monotonic();
    const current = this.#current.get(ttlSeconds);
    if (current && now < current.until && current.keys < this.#options.maxKeys) {
      current.keys++;
      return current.id;
    }
    const reuse = Math.min(this.#options.reuseSeconds, this.#options.reuseShare * ttlSeconds);
    const id = this.#kv.leaseGrant({ ttl: Math.ceil(ttlSeconds + reuse) }).then((granted) => granted.id);
    const next = { id, until: now + reuse * 1000, keys: 1 };
    this.#current.set(ttlSeconds, next);
    id.catch(() => {
      if (this.#current.get(ttlSeconds) === next) this.#current.delete(ttlSeconds);
    });
    return id;
  }
}
