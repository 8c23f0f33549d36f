/**
 * A controller that reads its own writes: it does not act on a key while its caches are older than what it wrote last
 * for that key. Resource versions of one cluster are compared as numbers, as KEP-5504 allows.
 * Upstream: pkg/controller/util/consistency (1.36).
 */
import type { KubeObject } from '../../apimachinery/index.ts';
import type { SharedInformer } from '../../client/index.ts';

/** The caches lag behind what the controller wrote; the key is tried again. */
export class StaleCacheError extends Error {
  override readonly name = 'StaleCacheError';
}

export class ConsistencyStore {
  /** By key: the newest version written, per resource. */
  readonly #written = new Map<string, Map<SharedInformer<any>, string>>();

  wroteAt(key: string, informer: SharedInformer<any>, object: Readonly<KubeObject>): void {
    const version = object.metadata.resourceVersion;
    if (version === undefined) return;
    let versions = this.#written.get(key);
    if (!versions) {
      versions = new Map();
      this.#written.set(key, versions);
    }
    const before = versions.get(informer);
    if (before === undefined || isOlder(before, version)) versions.set(informer, version);
  }

  /** @throws StaleCacheError */
  ensureReady(key: string): void {
    const versions = this.#written.get(key);
    if (!versions) return;
    for (const [informer, version] of versions) {
      if (isOlder(informer.resourceVersion, version)) {
        throw new StaleCacheError(`cache of ${informer.resource.plural} is behind version ${version}`);
      }
    }
    this.#written.delete(key);
  }

  forget(key: string): void {
    this.#written.delete(key);
  }
}

function isOlder(a: string, b: string): boolean {
  return a.length !== b.length ? a.length < b.length : a < b;
}
