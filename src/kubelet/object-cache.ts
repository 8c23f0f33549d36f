/**
 * ConfigMaps and Secrets that pods refer to, read when needed and kept for a while.
 * Upstream: pkg/kubelet/util/manager cache_based_manager.go (strategy Cache: TTL of one sync period).
 */
import { isNotFound, type KubeObject, newNotFound } from '../apimachinery/index.ts';
import type { Clock } from '../base/index.ts';
import type { NodeApi } from './node-api.ts';

type Kind = 'configmaps' | 'secrets';

interface Entry {
  readonly at: number;
  readonly object: Promise<Readonly<KubeObject>>;
}

/** Entries kept at most; the oldest go first. */
const maxEntries = 2_000;

export class ObjectCache {
  readonly #api: NodeApi;
  readonly #clock: Clock;
  readonly #ttlMs: number;
  readonly #entries = new Map<string, Entry>();

  constructor(api: NodeApi, clock: Clock, ttlMs: number) {
    this.#api = api;
    this.#clock = clock;
    this.#ttlMs = ttlMs;
  }

  /** @throws StatusError NotFound. Failures are not kept. */
  get(kind: Kind, namespace: string, name: string, fresh = false): Promise<Readonly<KubeObject>> {
    const key = `${kind}/${namespace}/${name}`;
    const entry = this.#entries.get(key);
    const now = this.#clock.monotonic();
    if (entry && !fresh && now - entry.at < this.#ttlMs) return entry.object;
    const object = this.#read(kind, namespace, name);
    this.#entries.delete(key);
    this.#entries.set(key, { at: now, object });
    object.catch(() => {
      if (this.#entries.get(key)?.object === object) this.#entries.delete(key);
    });
    if (this.#entries.size > maxEntries) this.#entries.delete(this.#entries.keys().next().value!);
    return object;
  }

  /** The kubelet's own caches name the kind in the singular: `configmap "x" not found`. */
  async #read(kind: Kind, namespace: string, name: string): Promise<Readonly<KubeObject>> {
    try {
      return await this.#api.get(kind, namespace, name);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      throw newNotFound({ group: '', resource: kind === 'configmaps' ? 'configmap' : 'secret' }, name);
    }
  }

  /** Undefined when it does not exist and need not. */
  async find(
    kind: Kind,
    namespace: string,
    name: string,
    optional: boolean,
  ): Promise<Readonly<KubeObject> | undefined> {
    try {
      return await this.get(kind, namespace, name);
    } catch (error) {
      if (optional && isNotFound(error)) return undefined;
      throw error;
    }
  }
}

export function decodeBase64(text: string): Buffer {
  return Buffer.from(text, 'base64');
}
