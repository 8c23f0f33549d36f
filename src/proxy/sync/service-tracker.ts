/**
 * Services and EndpointSlices as they change, and the ports that each change touches. Upstream:
 * pkg/proxy/{servicechangetracker,endpointschangetracker}.go (1.36).
 */
import type { KubeObject } from '../../apimachinery/index.ts';
import type { IpFamily } from '../../net/index.ts';
import { type NodeView, type ServicePort, servicePorts } from '../service-ports.ts';

/** By `namespace/name`; undefined: the Service is gone, or has no ports that get rules. */
export type ServiceChanges = ReadonlyMap<string, readonly ServicePort[] | undefined>;

const none: ReadonlyMap<string, KubeObject> = new Map();
const keyOf = ({ metadata }: KubeObject) => `${metadata.namespace}/${metadata.name}`;

/** @returns `namespace/service` that a slice belongs to; undefined when it names none. */
function ownerOf(slice: KubeObject): string | undefined {
  const service = slice.metadata.labels?.['kubernetes.io/service-name'];
  return service ? `${slice.metadata.namespace}/${service}` : undefined;
}

const count = (ports: readonly ServicePort[]) => ports.reduce((sum, port) => sum + port.endpoints.length, 0);

export class ServiceTracker {
  readonly family: IpFamily;
  readonly #services = new Map<string, KubeObject>();
  readonly #slices = new Map<string, Map<string, KubeObject>>();
  readonly #sliceOwner = new Map<string, string>();
  readonly #ports = new Map<string, readonly ServicePort[]>();
  readonly #dirty = new Set<string>();
  #node: NodeView;
  #endpoints = 0;

  constructor(family: IpFamily, node: NodeView) {
    this.family = family;
    this.#node = node;
  }

  get node(): NodeView {
    return this.#node;
  }

  /** Something has changed since the last `take`. */
  get pending(): boolean {
    return this.#dirty.size > 0;
  }

  /** Every port of every Service as of the last `take`, by `namespace/name`. */
  get ports(): ReadonlyMap<string, readonly ServicePort[]> {
    return this.#ports;
  }

  /** Endpoints of all ports together, as of the last `take`. */
  get endpoints(): number {
    return this.#endpoints;
  }

  /** Zones, labels and addresses decide over every Service: all are looked at again. */
  setNode(node: NodeView): void {
    this.#node = node;
    for (const key of this.#services.keys()) this.#dirty.add(key);
  }

  setService(service: KubeObject): void {
    this.#services.set(keyOf(service), service);
    this.#dirty.add(keyOf(service));
  }

  deleteService(service: KubeObject): void {
    if (this.#services.delete(keyOf(service))) this.#dirty.add(keyOf(service));
  }

  setSlice(slice: KubeObject): void {
    const key = keyOf(slice);
    const owner = ownerOf(slice);
    if (this.#sliceOwner.get(key) !== owner) this.deleteSlice(slice);
    if (owner === undefined) return;
    let slices = this.#slices.get(owner);
    if (!slices) {
      slices = new Map();
      this.#slices.set(owner, slices);
    }
    slices.set(key, slice);
    this.#sliceOwner.set(key, owner);
    this.#dirty.add(owner);
  }

  deleteSlice(slice: KubeObject): void {
    const key = keyOf(slice);
    const owner = this.#sliceOwner.get(key);
    if (owner === undefined) return;
    this.#sliceOwner.delete(key);
    const slices = this.#slices.get(owner)!;
    slices.delete(key);
    if (slices.size === 0) this.#slices.delete(owner);
    this.#dirty.add(owner);
  }

  /** The ports of every Service touched since the last call. */
  take(): ServiceChanges {
    const changes = new Map<string, readonly ServicePort[] | undefined>();
    for (const key of this.#dirty) {
      const service = this.#services.get(key);
      const slices = this.#slices.get(key) ?? none;
      const ports = service ? servicePorts([service], [...slices.values()], this.family, this.#node) : [];
      const old = this.#ports.get(key);
      if (ports.length === 0 && !old) continue;
      this.#endpoints += count(ports) - count(old ?? []);
      if (ports.length === 0) this.#ports.delete(key);
      else this.#ports.set(key, ports);
      changes.set(key, ports.length === 0 ? undefined : ports);
    }
    this.#dirty.clear();
    return changes;
  }
}
