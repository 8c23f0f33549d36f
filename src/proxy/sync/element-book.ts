/**
 * Elements of sets and maps, each owned by the ports that name it. It stands once; where ports disagree over its value,
 * the first in order decides, as in a full sync.
 */
export interface ElementChange<T> {
  readonly key: string;
  readonly old: T | undefined;
  readonly new: T | undefined;
}

export class ElementBook<T> {
  readonly #owners = new Map<string, Map<string, T>>();
  readonly #standing = new Map<string, T>();
  readonly #same: (a: T, b: T) => boolean;

  constructor(same: (a: T, b: T) => boolean) {
    this.#same = same;
  }

  get standing(): ReadonlyMap<string, T> {
    return this.#standing;
  }

  /** `owner` is the port's place in the order: the least one decides. '' comes before all. */
  update(
    changes: Iterable<{ owner: string; old: ReadonlyMap<string, T>; new: ReadonlyMap<string, T> }>,
  ): ElementChange<T>[] {
    const touched = new Set<string>();
    for (const change of changes) {
      for (const key of change.old.keys()) {
        if (change.new.has(key)) continue;
        this.#owners.get(key)?.delete(change.owner);
        touched.add(key);
      }
      for (const [key, value] of change.new) {
        const owners = this.#owners.get(key);
        if (!owners) this.#owners.set(key, new Map([[change.owner, value]]));
        else owners.set(change.owner, value);
        touched.add(key);
      }
    }
    const out: ElementChange<T>[] = [];
    for (const key of touched) {
      const old = this.#standing.get(key);
      const next = this.#decide(key);
      if (old === undefined ? next === undefined : next !== undefined && this.#same(old, next)) continue;
      if (next === undefined) this.#standing.delete(key);
      else this.#standing.set(key, next);
      out.push({ key, old, new: next });
    }
    return out;
  }

  #decide(key: string): T | undefined {
    const owners = this.#owners.get(key);
    if (!owners) return undefined;
    if (owners.size === 0) {
      this.#owners.delete(key);
      return undefined;
    }
    let first: string | undefined;
    for (const owner of owners.keys()) if (first === undefined || owner < first) first = owner;
    return owners.get(first!);
  }
}
