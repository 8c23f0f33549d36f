import { compareLeaseIds, type LeaseId } from './lease-id.ts';
import { type LeaseRow, MvccError } from './types.ts';

/** etcd's bound: more seconds than that overflow its clock arithmetic. */
export const maxLeaseTtl = 9_000_000_000;

export interface Lease {
  readonly id: LeaseId;
  /** Granted TTL, seconds. */
  readonly ttl: number;
  /** Raft index that granted it; 0 = before this process started. */
  readonly grantedAt: number;
  /** Keys attached, as latin1 strings. */
  readonly keys: Set<string>;
  /** Monotonic ms of the injected clock at which it expires; Infinity while this node does not lead. */
  expiry: number;
}

/**
 * Leases and the keys attached to them. Grants and revocations come through Raft; only the leader's expiry counts:
 * it renews, and proposes the revocation of what ran out. Upstream: etcd server/lease/lessor.go.
 */
export class Lessor {
  readonly #leases = new Map<LeaseId, Lease>();
  readonly #minTtl: number;
  /** Revocations that some member may not have applied yet. */
  #revoked: { lease: Lease; at: number }[] = [];
  /** Counts grants and promotions: what can bring an expiry forward. */
  version = 0;

  /** `minTtl` in seconds: a shorter one would run out during an election. */
  constructor(minTtl: number) {
    this.#minTtl = minTtl;
  }

  load(rows: readonly LeaseRow[]): void {
    this.#leases.clear();
    this.#revoked = [];
    for (const { id, ttl } of rows) {
      this.#leases.set(id, { id, ttl, grantedAt: 0, keys: new Set(), expiry: Number.POSITIVE_INFINITY });
    }
  }

  get size(): number {
    return this.#leases.size;
  }

  get(id: LeaseId): Lease | undefined {
    return this.#leases.get(id);
  }

  /** All leases in order of ID. */
  list(): Lease[] {
    return [...this.#leases.values()].sort((a, b) => compareLeaseIds(a.id, b.id));
  }

  /** Leases as a member sees them that has applied the log up to `index`. */
  listAt(index: number): Lease[] {
    const out = this.list().filter((lease) => lease.grantedAt <= index);
    for (const { lease, at } of this.#revoked) if (at > index && lease.grantedAt <= index) out.push(lease);
    return out.sort((a, b) => compareLeaseIds(a.id, b.id));
  }

  /** Throws MvccError LeaseExists, LeaseTTLTooLarge. */
  grant(id: LeaseId, ttl: number, index: number): Lease {
    if (ttl > maxLeaseTtl) throw new MvccError('LeaseTTLTooLarge', 'too large lease TTL');
    if (this.#leases.has(id)) throw new MvccError('LeaseExists', 'lease already exists');
    const lease: Lease = {
      id,
      ttl: Math.max(ttl, this.#minTtl),
      grantedAt: index,
      keys: new Set(),
      expiry: Number.POSITIVE_INFINITY,
    };
    this.#leases.set(id, lease);
    this.version++;
    return lease;
  }

  /** Removes a lease; its keys are the caller's to delete. Throws MvccError LeaseNotFound. */
  revoke(id: LeaseId, index: number): Lease {
    const lease = this.#leases.get(id);
    if (!lease) throw notFound();
    this.#leases.delete(id);
    this.#revoked.push({ lease, at: index });
    return lease;
  }

  undoGrant(lease: Lease): void {
    this.#leases.delete(lease.id);
  }

  undoRevoke(lease: Lease): void {
    this.#leases.set(lease.id, lease);
    this.#revoked.pop();
  }

  /** Forgets revocations that every member has applied. */
  forgetRevoked(lowestIndex: number): void {
    if (this.#revoked.length > 0) this.#revoked = this.#revoked.filter(({ at }) => at > lowestIndex);
  }

  /** Throws MvccError LeaseNotFound. */
  require(id: LeaseId): Lease {
    const lease = this.#leases.get(id);
    if (!lease) throw notFound();
    return lease;
  }

  attach(id: LeaseId, key: string): void {
    this.#leases.get(id)?.keys.add(key);
  }

  detach(id: LeaseId, key: string): void {
    this.#leases.get(id)?.keys.delete(key);
  }

  /** A new leader gives every lease its full time again, and `extendMs` for the time the election took. */
  promote(nowMs: number, extendMs: number): void {
    for (const lease of this.#leases.values()) lease.expiry = nowMs + lease.ttl * 1000 + extendMs;
    this.version++;
  }

  /** Starts the time of leases granted since `promote`. */
  startNew(nowMs: number): void {
    for (const lease of this.#leases.values()) if (lease.expiry === Number.POSITIVE_INFINITY) this.renew(lease, nowMs);
  }

  demote(): void {
    for (const lease of this.#leases.values()) lease.expiry = Number.POSITIVE_INFINITY;
  }

  renew(lease: Lease, nowMs: number): void {
    lease.expiry = nowMs + lease.ttl * 1000;
  }

  /** Monotonic ms of the next expiry, undefined when none is due ever. */
  nextExpiry(): number | undefined {
    let next: number | undefined;
    for (const { expiry } of this.#leases.values()) {
      if (expiry !== Number.POSITIVE_INFINITY && (next === undefined || expiry < next)) next = expiry;
    }
    return next;
  }

  /** Leases run out by now, in order of expiry, at most `limit`. */
  expired(nowMs: number, limit: number): Lease[] {
    const out = [...this.#leases.values()].filter((lease) => lease.expiry <= nowMs);
    return out.sort((a, b) => a.expiry - b.expiry || compareLeaseIds(a.id, b.id)).slice(0, limit);
  }
}

function notFound(): MvccError {
  return new MvccError('LeaseNotFound', 'requested lease not found');
}
