/**
 * What was written and what was answered. Every write carries a number of its own; a slot (an object, a key) has one
 * writer, so after a crash it must hold the last acknowledged write, or the one attempt that was never answered.
 */

/** `n` undefined: the slot is empty. `revision` undefined: the answer did not tell it. */
export interface Content {
  readonly n: number | undefined;
  readonly revision: number | undefined;
}

export interface Slot {
  readonly key: string;
  known: Content;
  /** Sent and not answered: it may have happened or not. `n` undefined: a deletion. */
  pending: { readonly n: number | undefined } | undefined;
}

/** One change as the store's watch tells it. */
export interface Seen {
  readonly revision: number;
  readonly key: string;
  /** Undefined: deleted. */
  readonly n: number | undefined;
}

interface Acknowledged {
  readonly key: string;
  readonly n: number | undefined;
  readonly revision: number | undefined;
  /** The slot's revision before, where the answer told it: a deletion comes after it. */
  readonly after: number;
}

export class Ledger {
  readonly #slots = new Map<string, Slot>();
  readonly #numbers = new Map<number, number>();
  #unchecked: Acknowledged[] = [];
  #next = 1;
  acknowledged = 0;
  lost = 0;
  doubled = 0;
  readonly problems: string[] = [];

  slot(key: string): Slot {
    let slot = this.#slots.get(key);
    if (!slot) {
      slot = { key, known: { n: undefined, revision: undefined }, pending: undefined };
      this.#slots.set(key, slot);
    }
    return slot;
  }

  nextNumber(): number {
    return this.#next++;
  }

  /** Makes one write on the slot and books its answer. `write` returns the revision, if the answer has it. */
  async attempt(slot: Slot, n: number | undefined, write: () => Promise<number | undefined>): Promise<void> {
    slot.pending = { n };
    const revision = await write();
    const after = slot.known.revision ?? 0;
    slot.pending = undefined;
    slot.known = { n, revision };
    this.acknowledged++;
    this.#unchecked.push({ key: slot.key, n, revision, after });
  }

  /** Compares all slots with what is there now. */
  compare(found: ReadonlyMap<string, { readonly n: number; readonly revision: number }>): void {
    for (const key of found.keys()) {
      if (!this.#slots.has(key)) this.#doubled(`${key} is there, and nobody made it`);
    }
    for (const slot of this.#slots.values()) {
      const actual = found.get(slot.key);
      const { known, pending } = slot;
      const sameRevision = known.revision === undefined || actual?.revision === known.revision;
      const asKnown = actual?.n === known.n && (actual === undefined || sameRevision);
      const asPending =
        pending !== undefined && actual?.n === pending.n && (actual?.revision ?? Infinity) > (known.revision ?? 0);
      if (!asKnown && !asPending) {
        const holds = actual ? `holds write ${actual.n} of revision ${actual.revision}` : 'is gone';
        this.#lost(
          `${slot.key} ${holds}; acknowledged was ${JSON.stringify(known)}, under way ${JSON.stringify(pending)}`,
        );
      }
      slot.known = { n: actual?.n, revision: actual?.revision ?? (asKnown ? known.revision : undefined) };
      slot.pending = undefined;
    }
  }

  /** Takes the store's changes in order: numbers come once, and every acknowledged write is among them. */
  check(changes: readonly Seen[]): void {
    const at = new Map<string, Seen>();
    const deletions = new Map<string, number[]>();
    for (const change of changes) {
      at.set(`${change.key}@${change.revision}`, change);
      if (change.n === undefined) deletions.set(change.key, [...(deletions.get(change.key) ?? []), change.revision]);
      else if (this.#numbers.has(change.n)) {
        this.#doubled(`write ${change.n} is at revisions ${this.#numbers.get(change.n)} and ${change.revision}`);
      } else this.#numbers.set(change.n, change.revision);
    }
    for (const { key, n, revision, after } of this.#unchecked) {
      const told =
        revision !== undefined
          ? at.get(`${key}@${revision}`)?.n === n && at.has(`${key}@${revision}`)
          : deletions.get(key)?.some((deleted) => deleted > after);
      if (!told) this.#lost(`the watch told nothing of write ${n ?? 'delete'} of ${key}, revision ${revision ?? '?'}`);
    }
    this.#unchecked = [];
  }

  problem(text: string): void {
    this.problems.push(text);
  }

  doubledEvent(text: string): void {
    this.#doubled(text);
  }

  lostEvent(text: string): void {
    this.#lost(text);
  }

  #lost(text: string): void {
    this.lost++;
    this.problems.push(`lost: ${text}`);
  }

  #doubled(text: string): void {
    this.doubled++;
    this.problems.push(`doubled: ${text}`);
  }
}
