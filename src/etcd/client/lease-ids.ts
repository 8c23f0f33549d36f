import type { LeaseIds } from '../v3/convert.ts';

/** How many foreign leases are remembered; the oldest is forgotten. */
const maxForeignLeases = 65_536;

/**
 * etcd draws lease IDs of 63 bits, the KV interface has numbers. IDs this client asks for are chosen safe; a greater
 * one, of somebody else's lease, is known here by a negative number for as long as the client lives.
 */
export class ForeignLeaseIds implements LeaseIds {
  readonly #numbers = new Map<bigint, number>();
  readonly #ids = new Map<number, bigint>();
  #next = -1;

  fromWire(id: number | bigint): number {
    if (typeof id === 'number') return id;
    const known = this.#numbers.get(id);
    if (known !== undefined) return known;
    if (this.#numbers.size >= maxForeignLeases) {
      const [oldest, number] = this.#numbers.entries().next().value!;
      this.#numbers.delete(oldest);
      this.#ids.delete(number);
    }
    const number = this.#next--;
    this.#numbers.set(id, number);
    this.#ids.set(number, id);
    return number;
  }

  /** The ID as etcd knows it. A number that stands for nothing (any more) goes out as it is: not found. */
  toWire(number: number): number | bigint {
    return number >= 0 ? number : (this.#ids.get(number) ?? BigInt(number));
  }
}
