import type { KubeObject } from '../../src/apimachinery/index.ts';
import type { ObjectReader } from '../../src/apiserver/index.ts';

/** A watch cache made of maps. `set` and `remove` bump the resource's version. */
export class FakeReader implements ObjectReader {
  readonly #objects = new Map<string, Map<string, KubeObject>>();
  readonly #versions = new Map<string, number>();

  set(resource: string, ...objects: KubeObject[]): this {
    const all = this.#objects.get(resource) ?? new Map<string, KubeObject>();
    this.#objects.set(resource, all);
    for (const object of objects) all.set(`${object.metadata.namespace ?? ''}/${object.metadata.name}`, object);
    this.#bump(resource);
    return this;
  }

  remove(resource: string, namespace: string, name: string): void {
    this.#objects.get(resource)?.delete(`${namespace}/${name}`);
    this.#bump(resource);
  }

  get(resource: string, namespace: string, name: string): KubeObject | undefined {
    return this.#objects.get(resource)?.get(`${namespace}/${name}`);
  }

  list(resource: string, namespace?: string): KubeObject[] {
    const all = [...(this.#objects.get(resource)?.values() ?? [])];
    return namespace ? all.filter((object) => object.metadata.namespace === namespace) : all;
  }

  version(resource: string): number {
    return this.#versions.get(resource) ?? 0;
  }

  #bump(resource: string): void {
    this.#versions.set(resource, this.version(resource) + 1);
  }
}
