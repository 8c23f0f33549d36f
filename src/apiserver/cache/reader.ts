import type { StoredEntry } from '../storage/entry.ts';
import { objectKeyIn } from '../storage/keys.ts';
import type { ObjectReader, ResourceKey } from '../types.ts';
import type { ResourceCache } from './resource-cache.ts';

const none: readonly StoredEntry['object'][] = Object.freeze([]);

/** The caches as other parts of the server see them: synchronous, in the stored version. */
export class CacheReader implements ObjectReader {
  readonly #find: (resource: ResourceKey) => ResourceCache | undefined;

  constructor(find: (resource: ResourceKey) => ResourceCache | undefined) {
    this.#find = find;
  }

  get(resource: ResourceKey, namespace: string, name: string): StoredEntry['object'] | undefined {
    const cache = this.#find(resource);
    return cache?.get(objectKeyIn(cache.prefix, namespace, name))?.object;
  }

  list(resource: ResourceKey, namespace = ''): readonly StoredEntry['object'][] {
    return this.#find(resource)?.objects(namespace) ?? none;
  }

  version(resource: ResourceKey): number {
    return this.#find(resource)?.version ?? 0;
  }
}
