/**
 * A cache of one resource kept equal to the server, with handlers told of every change. Handlers run synchronously, in
 * the order of registration, inside the reflector's loop: they enqueue and return.
 * Upstream: client-go/tools/cache/shared_informer.go. Differs: no goroutine and buffer per listener.
 */

import { deepFreeze, type KubeObject, objectKey } from '../../apimachinery/index.ts';
import { Deferred, type Runnable, Slicer, TaskGroup } from '../../base/index.ts';
import type { ResourceClient } from '../kube-client.ts';
import type { ResourceDescription } from '../resource.ts';
import { Indexer, type Indexers } from './indexer.ts';
import { Lister } from './lister.ts';
import { Reflector, type ReflectorDeps, type ReflectorOptions, type ReflectorTarget } from './reflector.ts';

/** Objects handed to the handlers in one turn of the event loop: about 2 ms. */
const itemsPerSlice = 200;

export interface InformerHandler<T extends KubeObject = KubeObject> {
  /** `initial`: part of the first list (or of what was there when the handler came). */
  onAdd?(object: Readonly<T>, initial: boolean): void;
  /** On a resync `old === object`. */
  onUpdate?(old: Readonly<T>, object: Readonly<T>): void;
  /**
   * The object's last state. `finalStateUnknown`: the deletion was missed and found out by a list, so this is the last
   * state seen. Upstream: cache.DeletedFinalStateUnknown.
   */
  onDelete?(object: Readonly<T>, finalStateUnknown: boolean): void;
}

export interface HandlerRegistration {
  /** The handler has been given the first list. */
  readonly hasSynced: boolean;
  remove(): void;
}

export interface InformerOptions<T extends KubeObject = KubeObject> extends ReflectorOptions {
  readonly indexers?: Indexers<T>;
  /** Every handler gets an update (old === object) of every object this often. Default 0 = never. */
  readonly resyncMs?: number;
  /** Changes what is kept (to save memory); gets a read-only object and returns another. */
  readonly transform?: (object: Readonly<T>) => Readonly<T>;
}

export class SharedInformer<T extends KubeObject = KubeObject> implements Runnable {
  readonly name: string;
  readonly resource: ResourceDescription;
  readonly indexer: Indexer<T>;
  readonly lister: Lister<T>;
  readonly #deps: ReflectorDeps;
  readonly #options: InformerOptions<T>;
  readonly #reflector: Reflector<T>;
  readonly #synced = new Deferred();
  #handlers: readonly InformerHandler<T>[] = [];
  #hasSynced = false;

  constructor(client: ResourceClient<T>, deps: ReflectorDeps, options: InformerOptions<T> = {}) {
    this.resource = client.description;
    this.name = `informer/${this.resource.plural}`;
    this.#deps = deps;
    this.#options = options;
    this.indexer = new Indexer<T>(options.indexers);
    this.lister = new Lister<T>(this.resource, this.indexer);
    const target: ReflectorTarget<T> = {
      replace: (items) => this.#replace(items),
      apply: (type, object) =>
        type === 'DELETED' ? this.#delete(objectKey(object), object) : this.#put(object, false),
    };
    const { labelSelector, fieldSelector } = options;
    this.#reflector = new Reflector<T>(client, target, deps, { labelSelector, fieldSelector });
  }

  /** The first list is in the cache and the handlers know it. */
  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** resourceVersion up to which the cache is known to be equal to the server. */
  get resourceVersion(): string {
    return this.#reflector.resourceVersion;
  }

  addIndexers(indexers: Indexers<T>): void {
    this.indexer.addIndexers(indexers);
  }

  /** A handler that comes late is told of every object there is. */
  addHandler(handler: InformerHandler<T>): HandlerRegistration {
    this.#handlers = [...this.#handlers, handler];
    if (handler.onAdd) for (const object of [...this.indexer.values()]) handler.onAdd(object, true);
    const informer = this;
    return {
      get hasSynced() {
        return informer.#hasSynced;
      },
      remove: () => {
        this.#handlers = this.#handlers.filter((other) => other !== handler);
      },
    };
  }

  /** Resolves when `hasSynced`; rejects with the signal's reason. */
  async waitForSync(signal?: AbortSignal): Promise<void> {
    if (this.#hasSynced) return;
    signal?.throwIfAborted();
    const aborted = new Deferred<never>();
    const onAbort = () => aborted.reject(signal!.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([this.#synced.promise, aborted.promise]);
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    const group = new TaskGroup(signal);
    group.spawn(this.name, (inner) => this.#reflector.run(inner));
    const { resyncMs = 0 } = this.#options;
    if (resyncMs > 0) group.spawn(`${this.name}/resync`, (inner) => this.#resync(resyncMs, inner));
    await group.wait();
  }

  async #resync(ms: number, signal: AbortSignal): Promise<void> {
    for await (const _ of this.#deps.clock.every(ms, signal)) {
      const slicer = new Slicer({ items: itemsPerSlice });
      for (const object of [...this.indexer.values()]) {
        for (const handler of this.#handlers) handler.onUpdate?.(object, object);
        if (slicer.due) await slicer.pause();
      }
    }
  }

  async #replace(items: readonly T[]): Promise<void> {
    const initial = !this.#hasSynced;
    const slicer = new Slicer({ items: itemsPerSlice });
    if (this.indexer.size > 0) {
      const present = new Set(items.map(objectKey));
      for (const key of [...this.indexer.keys()]) if (!present.has(key)) this.#delete(key, undefined);
    }
    for (const item of items) {
      this.#put(item, initial);
      if (slicer.due) await slicer.pause();
    }
    if (initial) {
      this.#hasSynced = true;
      this.#synced.resolve();
    }
  }

  #put(received: T, initial: boolean): void {
    const { transform } = this.#options;
    const object = (transform ? transform(received) : received) as T;
    deepFreeze(object);
    const key = objectKey(object);
    const old = this.indexer.put(key, object);
    if (old === undefined) {
      for (const handler of this.#handlers) handler.onAdd?.(object, initial);
    } else if (old.metadata.resourceVersion !== object.metadata.resourceVersion) {
      for (const handler of this.#handlers) handler.onUpdate?.(old, object);
    }
  }

  #delete(key: string, final: T | undefined): void {
    const old = this.indexer.delete(key);
    if (old === undefined) return;
    deepFreeze(final);
    for (const handler of this.#handlers) handler.onDelete?.(final ?? old, final === undefined);
  }
}
