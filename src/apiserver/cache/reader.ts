import { allResources, groupResourceName } from '../../api/index.ts';
import { AssertionError } from '../../base/index.ts';
import type { StoredEntry } from '../storage/entry.ts';
import { objectKeyIn } from '../storage/keys.ts';
import type { ObjectReader, ResourceKey } from '../types.ts';
import type { ResourceCache } from './resource-cache.ts';

const none: readonly StoredEntry['object'][] = Object.freeze([]);

/** Plurals of the core group: the only keys without a dot. */
const coreKeys: ReadonlySet<ResourceKey> = new Set(
  allResources.filter(({ group }) => group === '').map((definition) => groupResourceName(definition)),
);

/**
 * The caches as other parts of the server see them: synchronous, in the stored version. What is not served now (turned
 * off, or a CRD that has gone) is empty.
 * @throws AssertionError for a key that can name nothing: `deployments` instead of `deployments.apps`
 */
export class CacheReader implements ObjectReader {
  readonly #find: (resource: ResourceKey) => ResourceCache | undefined;

  constructor(find: (resource: ResourceKey) => ResourceCache | undefined) {
    this.#find = find;
  }

  get(resource: ResourceKey, namespace: string, name: string): StoredEntry['object'] | undefined {
    const cache = this.#cacheOf(resource);
    return cache?.get(objectKeyIn(cache.prefix, namespace, name))?.object;
  }

  list(resource: ResourceKey, namespace = ''): readonly StoredEntry['object'][] {
    return this.#cacheOf(resource)?.objects(namespace) ?? none;
  }

  version(resource: ResourceKey): number {
    return this.#cacheOf(resource)?.version ?? 0;
  }

  #cacheOf(resource: ResourceKey): ResourceCache | undefined {
    const cache = this.#find(resource);
    if (cache === undefined && !resource.includes('.') && !coreKeys.has(resource)) {
      const meant = allResources.filter(({ plural }) => plural === resource).map(groupResourceName);
      const hint = meant.length === 0 ? '' : `: ${[...new Set(meant)].join(' or ')}?`;
      throw new AssertionError(`the core group has no ${JSON.stringify(resource)}${hint}`);
    }
    return cache;
  }
}
