/** Resource requests of pods as numbers. Upstream: component-helpers/resource/helpers.go, scheduler/framework/types.go. */
import type { Pod } from '../../api/index.ts';
import { milliValueOf, wholeValueOf } from '../../apimachinery/index.ts';

/** cpu in milli-cores, everything else in whole units. */
export interface Resources {
  milliCPU: number;
  memory: number;
  ephemeralStorage: number;
  allowedPodNumber: number;
  /** Extended and hugepage resources by name. */
  scalar: Map<string, number>;
}

/** What a container without a request counts for when nodes are scored. */
export const defaultMilliCPURequest = 100;
export const defaultMemoryRequest = 200 * 1024 * 1024;

export function emptyResources(): Resources {
  return { milliCPU: 0, memory: 0, ephemeralStorage: 0, allowedPodNumber: 0, scalar: new Map() };
}

type QuantityMap = Readonly<Record<string, string | number>>;

export function resourcesOf(list: QuantityMap | undefined): Resources {
  const out = emptyResources();
  for (const [name, quantity] of Object.entries(list ?? {})) {
    switch (name) {
      case 'cpu':
        out.milliCPU = milliValueOf(quantity);
        break;
      case 'memory':
        out.memory = wholeValueOf(quantity);
        break;
      case 'ephemeral-storage':
        out.ephemeralStorage = wholeValueOf(quantity);
        break;
      case 'pods':
        out.allowedPodNumber = wholeValueOf(quantity);
        break;
      default:
        out.scalar.set(name, wholeValueOf(quantity));
    }
  }
  return out;
}

export function addResources(to: Resources, more: Resources, sign: 1 | -1 = 1): void {
  to.milliCPU += sign * more.milliCPU;
  to.memory += sign * more.memory;
  to.ephemeralStorage += sign * more.ephemeralStorage;
  // Most have none, and even an iterator of nothing costs.
  if (more.scalar.size === 0) return;
  for (const [name, value] of more.scalar) to.scalar.set(name, (to.scalar.get(name) ?? 0) + sign * value);
}

function maxResources(to: Resources, other: Resources): void {
  to.milliCPU = Math.max(to.milliCPU, other.milliCPU);
  to.memory = Math.max(to.memory, other.memory);
  to.ephemeralStorage = Math.max(to.ephemeralStorage, other.ephemeralStorage);
  for (const [name, value] of other.scalar) to.scalar.set(name, Math.max(to.scalar.get(name) ?? 0, value));
}

type Container = NonNullable<NonNullable<Pod['spec']>['containers']>[number];

function containerRequests(container: Container, nonZero: boolean): Resources {
  const out = resourcesOf(container.resources?.requests as QuantityMap | undefined);
  if (nonZero) {
    const requests = container.resources?.requests ?? {};
    if (!('cpu' in requests)) out.milliCPU = defaultMilliCPURequest;
    if (!('memory' in requests)) out.memory = defaultMemoryRequest;
  }
  return out;
}

/**
 * What a pod asks of a node: its containers together, or the largest moment of its init containers (with the sidecars
 * that run by then), whichever is more; plus overhead. `nonZero` counts defaults for missing cpu and memory requests.
 */
export function podRequests(pod: Readonly<Pod>, nonZero = false): Resources {
  const total = emptyResources();
  const spec = pod.spec;
  for (const container of spec?.containers ?? []) addResources(total, containerRequests(container, nonZero));
  const sidecars = emptyResources();
  const init = emptyResources();
  for (const container of spec?.initContainers ?? []) {
    const requests = containerRequests(container, nonZero);
    if (container.restartPolicy === 'Always') {
      addResources(total, requests);
      addResources(sidecars, requests);
      maxResources(init, sidecars);
    } else {
      const moment = emptyResources();
      addResources(moment, requests);
      addResources(moment, sidecars);
      maxResources(init, moment);
    }
  }
  maxResources(total, init);
  const podLevel = (spec as { resources?: { requests?: QuantityMap } } | undefined)?.resources?.requests;
  if (podLevel) {
    const given = resourcesOf(podLevel);
    if ('cpu' in podLevel) total.milliCPU = given.milliCPU;
    if ('memory' in podLevel) total.memory = given.memory;
  }
  if (spec?.overhead) addResources(total, resourcesOf(spec.overhead as QuantityMap));
  return total;
}
