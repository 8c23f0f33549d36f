/**
 * A lister that also knows what this controller itself has just written, so that a decision does not rest on a state the
 * controller has left behind. Upstream: pv_controller.go storeObjectUpdate.
 */
import { type KubeObject, objectKey } from '../../apimachinery/index.ts';
import type { SharedInformer } from '../../client/index.ts';

export class FreshCache<T extends KubeObject> {
  readonly #informer: SharedInformer<T>;
  /** Written, and not yet seen by the informer; its size is that of the writes under way. */
  readonly #written = new Map<string, Readonly<T>>();

  constructor(informer: SharedInformer<T>) {
    this.#informer = informer;
    const seen = (object: Readonly<T>) => {
      const key = objectKey(object);
      const written = this.#written.get(key);
      if (written && !newer(written, object)) this.#written.delete(key);
    };
    informer.addHandler({
      onAdd: seen,
      onUpdate: (_, object) => seen(object),
      onDelete: (object) => this.#written.delete(objectKey(object)),
    });
  }

  get(namespace: string, name: string): Readonly<T> | undefined {
    const cached = this.#informer.lister.get(namespace, name);
    return cached && this.latest(cached);
  }

  /** The object as last written or seen. */
  latest(cached: Readonly<T>): Readonly<T> {
    if (this.#written.size === 0) return cached;
    const written = this.#written.get(objectKey(cached));
    return written && newer(written, cached) ? written : cached;
  }

  byIndex(index: string, value: string): Readonly<T>[] {
    return this.#informer.lister.byIndex(index, value).map((object) => this.latest(object));
  }

  /** Notes the answer of a write, which is also returned. */
  wrote(object: Readonly<T>): Readonly<T> {
    const cached = this.#informer.lister.get(object.metadata.namespace ?? '', object.metadata.name!);
    if (!cached || newer(object, cached)) this.#written.set(objectKey(object), object);
    return object;
  }
}

function newer(a: Readonly<KubeObject>, b: Readonly<KubeObject>): boolean {
  if (a.metadata.uid !== b.metadata.uid) return false;
  return Number(a.metadata.resourceVersion) > Number(b.metadata.resourceVersion);
}
