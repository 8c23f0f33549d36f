import type { LeaseId } from '../../mvcc/index.ts';
import type { CallOptions, KeyValue } from '../kv.ts';
import { electionService, lockService } from '../v3/concurrency.ts';
import { toEtcdError } from '../v3/errors.ts';
import type { Endpoints } from './endpoints.ts';

/** Whoever leads: what `resign` needs. */
export interface LeaderKey {
  readonly name: Uint8Array;
  readonly key: Uint8Array;
  readonly rev: number;
  readonly lease: LeaseId;
}

/** etcd's Lock and Election services of any etcd. A wait ends with its signal; the lease is the caller's to keep alive. */
export class RemoteLocks {
  readonly #endpoints: Endpoints;

  constructor(endpoints: Endpoints) {
    this.#endpoints = endpoints;
  }

  /** Waits until the lock is held; the key that holds it. */
  async lock(name: Uint8Array, lease: LeaseId, options?: CallOptions): Promise<{ key: Uint8Array; revision: number }> {
    // Repeated, it finds the place in the queue that the lease has already.
    const request = { signal: options?.signal, repeatable: true };
    const { key, header } = await this.#endpoints.call(lockService.lock, { name, lease }, request);
    return { key, revision: header?.revision ?? 0 };
  }

  async unlock(key: Uint8Array, options?: CallOptions): Promise<void> {
    await this.#endpoints.call(lockService.unlock, { key }, { signal: options?.signal, repeatable: true });
  }

  /** Waits until the election is won. */
  async campaign(name: Uint8Array, value: Uint8Array, lease: LeaseId, options?: CallOptions): Promise<LeaderKey> {
    const request = { signal: options?.signal, repeatable: true };
    const { leader } = await this.#endpoints.call(electionService.campaign, { name, value, lease }, request);
    return leader!;
  }

  async resign(leader: LeaderKey, options?: CallOptions): Promise<void> {
    await this.#endpoints.call(electionService.resign, { leader }, { signal: options?.signal, repeatable: true });
  }

  /** The leader's key and proposal, now and whenever it changes. */
  async *observe(name: Uint8Array, options?: CallOptions): AsyncGenerator<KeyValue, void, void> {
    const stream = await this.#endpoints.open(electionService.observe, { signal: options?.signal });
    try {
      stream.end({ name });
      for await (const { kv } of stream) if (kv) yield kv;
    } catch (error) {
      throw toEtcdError(error);
    } finally {
      stream.cancel();
    }
  }
}
