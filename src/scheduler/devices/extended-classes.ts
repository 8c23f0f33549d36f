/**
 * Device classes by the extended resources that they provide.
 * Upstream: dynamic-resource-allocation/deviceclass/extendedresourcecache/extendedresourcecache.go (1.36).
 */
import { parseTime } from '../../base/index.ts';
import type { DeviceClassFields } from './requests.ts';

/** Every class provides the resource of this prefix and its own name. */
export const implicitPrefix = 'deviceclass.resource.kubernetes.io/';

/** The class that provides an extended resource, if one does. */
export type ExtendedClassSource = (resource: string) => DeviceClassFields | undefined;

const resourceOf = ({ spec }: DeviceClassFields): string | undefined => spec?.extendedResourceName;

function createdAt({ metadata }: DeviceClassFields): number {
  return metadata.creationTimestamp === undefined ? 0 : parseTime(metadata.creationTimestamp);
}

export class ExtendedClasses {
  readonly #classes = new Map<string, DeviceClassFields>();
  /** By the resource that they name, the one that counts first: the youngest, of equally old ones the first by name. */
  readonly #named = new Map<string, DeviceClassFields[]>();

  set(deviceClass: DeviceClassFields): void {
    const name = deviceClass.metadata.name!;
    this.delete(name);
    this.#classes.set(name, deviceClass);
    const resource = resourceOf(deviceClass);
    if (resource === undefined) return;
    const rivals = [...(this.#named.get(resource) ?? []), deviceClass];
    rivals.sort((a, b) => createdAt(b) - createdAt(a) || (a.metadata.name! < b.metadata.name! ? -1 : 1));
    this.#named.set(resource, rivals);
  }

  delete(name: string): void {
    const known = this.#classes.get(name);
    if (!known) return;
    this.#classes.delete(name);
    const resource = resourceOf(known);
    if (resource === undefined) return;
    const rest = this.#named.get(resource)!.filter((other) => other !== known);
    if (rest.length > 0) this.#named.set(resource, rest);
    else this.#named.delete(resource);
  }

  classOf(resource: string): DeviceClassFields | undefined {
    if (resource.startsWith(implicitPrefix)) return this.#classes.get(resource.slice(implicitPrefix.length));
    return this.#named.get(resource)?.[0];
  }
}

/** Is the name of a kind that a class can provide? */
export function isClassResource(name: string): boolean {
  return name.startsWith(implicitPrefix);
}
