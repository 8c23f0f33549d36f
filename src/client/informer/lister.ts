import { type KubeObject, newNotFound } from '../../apimachinery/index.ts';
import type { ResourceDescription } from '../resource.ts';
import type { Indexer } from './indexer.ts';

/** Anything that decides on labels; `undefined` labels are an empty set. */
export interface LabelMatcher {
  matches(labels: Readonly<Record<string, string>> | undefined): boolean;
}

/** Reads of an informer's cache. Objects are shared: never change them. */
export class Lister<T extends KubeObject = KubeObject> {
  readonly resource: ResourceDescription;
  readonly #indexer: Indexer<T>;

  constructor(resource: ResourceDescription, indexer: Indexer<T>) {
    this.resource = resource;
    this.#indexer = indexer;
  }

  /** `namespace` empty for cluster-scoped resources. */
  get(namespace: string, name: string): Readonly<T> | undefined {
    return this.#indexer.get(namespace === '' ? name : `${namespace}/${name}`);
  }

  /** @throws StatusError NotFound as the server's. */
  mustGet(namespace: string, name: string): Readonly<T> {
    const found = this.get(namespace, name);
    if (!found) throw newNotFound({ group: this.resource.group, resource: this.resource.plural }, name);
    return found;
  }

  /** All objects, or those of a namespace, or those whose labels match. A fresh array. */
  list(namespace?: string, selector?: LabelMatcher): Readonly<T>[] {
    const all = namespace ? this.#indexer.byIndex('namespace', namespace) : [...this.#indexer.values()];
    return selector ? all.filter((object) => selector.matches(object.metadata.labels)) : all;
  }

  byIndex(index: string, value: string): Readonly<T>[] {
    return this.#indexer.byIndex(index, value);
  }

  get size(): number {
    return this.#indexer.size;
  }
}
