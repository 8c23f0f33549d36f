import type { Prng } from '../base/index.ts';
import type { ClusterStorage } from './storage.ts';

/** Numbers that no earlier life of the cluster has given: each life is one more incarnation, kept in the storage. */
export class RequestIds {
  readonly #incarnation: number;
  readonly #prng: Prng;
  #leaseIds: Prng | undefined;
  #proposals = 0;

  constructor(storage: ClusterStorage, prng: Prng) {
    this.#prng = prng;
    this.#incarnation = Number(storage.getMeta('incarnation') ?? 0) + 1;
    storage.setMeta('incarnation', String(this.#incarnation));
  }

  /** incarnation, counter, member: no entry of an earlier life has the same. */
  nextProposal(member: number): number {
    return (this.#incarnation * 2 ** 30 + ++this.#proposals) * 8 + (member & 7);
  }

  /** A positive number of 52 bits. Drawn anew in each life: a cluster of the same seed must not ask for the leases it has. */
  newLease(): number {
    this.#leaseIds ??= this.#prng.fork(`leases/${this.#incarnation}`);
    return (this.#leaseIds.uint32() % 2 ** 20) * 2 ** 32 + this.#leaseIds.uint32() + 1;
  }
}
