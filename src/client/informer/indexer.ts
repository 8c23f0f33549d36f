/**
 * Keyed objects with secondary indexes. Upstream: client-go/tools/cache/{store,thread_safe_store,index}.go.
 * Objects are shared and read-only. Lists come in the order in which keys were first added.
 */

import type { KubeObject } from '../../apimachinery/index.ts';
import { assert } from '../../base/index.ts';

/** Index values of an object; none = not in this index. */
export type IndexFunction<T> = (object: T) => readonly string[];
export type Indexers<T> = Readonly<Record<string, IndexFunction<T>>>;

/** Index `namespace`. */
export const byNamespace: IndexFunction<KubeObject> = (object) => [object.metadata.namespace ?? ''];

/** Index `controllerUID`: uid of the controlling owner. */
export const byControllerUID: IndexFunction<KubeObject> = (object) => {
  const owners = object.metadata.ownerReferences;
  if (owners) for (const owner of owners) if (owner.controller) return [owner.uid];
  return [];
};

/** Index `ownerUID`: uids of all owners. */
export const byOwnerUID: IndexFunction<KubeObject> = (object) =>
  object.metadata.ownerReferences?.map((owner) => owner.uid) ?? [];

class Index<T> {
  readonly fn: IndexFunction<T>;
  readonly buckets = new Map<string, Map<string, T>>();

  constructor(fn: IndexFunction<T>) {
    this.fn = fn;
  }

  put(key: string, old: T | undefined, object: T): void {
    const values = this.fn(object);
    if (old !== undefined) for (const value of this.fn(old)) if (!values.includes(value)) this.#drop(value, key);
    for (const value of values) {
      const bucket = this.buckets.get(value);
      if (bucket) bucket.set(key, object);
      else this.buckets.set(value, new Map([[key, object]]));
    }
  }

  remove(key: string, old: T): void {
    for (const value of this.fn(old)) this.#drop(value, key);
  }

  #drop(value: string, key: string): void {
    const bucket = this.buckets.get(value);
    if (bucket?.delete(key) && bucket.size === 0) this.buckets.delete(value);
  }
}

export class Indexer<T extends KubeObject = KubeObject> {
  readonly #items = new Map<string, T>();
  readonly #indexes = new Map<string, Index<T>>();

  constructor(indexers: Indexers<T> = {}) {
    this.addIndexers({ namespace: byNamespace, ...indexers });
  }

  /** Adds indexes, filling them from what is there. An index of the same name stays as it is. */
  addIndexers(indexers: Indexers<T>): void {
    for (const [name, fn] of Object.entries(indexers)) {
      if (this.#indexes.has(name)) continue;
      const index = new Index(fn);
      for (const [key, object] of this.#items) index.put(key, undefined, object);
      this.#indexes.set(name, index);
    }
  }

  get size(): number {
    return this.#items.size;
  }

  get(key: string): T | undefined {
    return this.#items.get(key);
  }

  keys(): IterableIterator<string> {
    return this.#items.keys();
  }

  values(): IterableIterator<T> {
    return this.#items.values();
  }

  /** Objects whose index function gave `value`; a fresh array. */
  byIndex(index: string, value: string): T[] {
    const found = this.#indexes.get(index);
    assert(found, `no index named ${index}`);
    const bucket = found.buckets.get(value);
    return bucket ? [...bucket.values()] : [];
  }

  /** How many objects have `value` in `index`. */
  countByIndex(index: string, value: string): number {
    const found = this.#indexes.get(index);
    assert(found, `no index named ${index}`);
    return found.buckets.get(value)?.size ?? 0;
  }

  /** All values that occur in an index. */
  indexValues(index: string): string[] {
    const found = this.#indexes.get(index);
    assert(found, `no index named ${index}`);
    return [...found.buckets.keys()];
  }

  put(key: string, object: T): T | undefined {
    const old = this.#items.get(key);
    this.#items.set(key, object);
    for (const index of this.#indexes.values()) index.put(key, old, object);
    return old;
  }

  delete(key: string): T | undefined {
    const old = this.#items.get(key);
    if (old === undefined) return undefined;
    this.#items.delete(key);
    for (const index of this.#indexes.values()) index.remove(key, old);
    return old;
  }
}
