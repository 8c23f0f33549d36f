/** What each port gives to the whole, in the order in which a full sync meets the ports. */
import type { ServicePort } from '../service-ports.ts';
import type { ServiceChanges } from './service-tracker.ts';

const orderKey = (port: ServicePort) => `${port.name}/${port.protocol}`;

export interface PieceChange<T> {
  readonly key: string;
  readonly old: T | undefined;
  readonly new: T | undefined;
}

export class OrderedPieces<T> {
  readonly #pieces = new Map<string, T>();
  readonly #keysOf = new Map<string, readonly string[]>();
  #order: string[] = [];

  /** Keys of ports, in order. */
  get order(): readonly string[] {
    return this.#order;
  }

  get(key: string): T | undefined {
    return this.#pieces.get(key);
  }

  /** Puts the changed Services' ports in and tells what each port was before and is now. */
  update(changes: ServiceChanges, make: (port: ServicePort) => T): PieceChange<T>[] {
    const out: PieceChange<T>[] = [];
    let reorder = false;
    for (const [service, ports = []] of changes) {
      const fresh = new Map(ports.map((port) => [orderKey(port), port]));
      for (const key of this.#keysOf.get(service) ?? []) {
        if (fresh.has(key)) continue;
        const old = this.#pieces.get(key)!;
        this.#pieces.delete(key);
        out.push({ key, old, new: undefined });
        reorder = true;
      }
      for (const [key, port] of fresh) {
        const old = this.#pieces.get(key);
        const piece = make(port);
        this.#pieces.set(key, piece);
        if (!old) reorder = true;
        out.push({ key, old, new: piece });
      }
      if (fresh.size === 0) this.#keysOf.delete(service);
      else this.#keysOf.set(service, [...fresh.keys()]);
    }
    if (reorder) this.#order = [...this.#pieces.keys()].sort((a, b) => (a < b ? -1 : 1));
    return out;
  }
}
