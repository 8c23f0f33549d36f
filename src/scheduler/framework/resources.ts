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

/** Names with a slash outside kubernetes.io and requests. */
export function isExtendedName(name: string): boolean {
  return name.includes('/') && !/(^|\.)kubernetes\.io\//.test(name) && !name.startsWith('requests.');
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

interface Given {
  readonly requests?: QuantityMap;
}

/** Of a container, or of the whole pod: what it has in fact, and what the node has granted. */
interface Actual {
  readonly resources?: Given;
  readonly allocatedResources?: QuantityMap;
}

/**
 * While a resize is under way, the most of what is wanted, granted and in use; once its node has said that it can never be
 * done, what is wanted counts no more. Upstream: determineEffectiveRequests.
 */
function effective(pod: Readonly<Pod>, wanted: QuantityMap | undefined, actual: Actual | undefined): QuantityMap {
  const used = actual?.resources;
  if (!used) return wanted ?? {};
  const { requests = {} } = used;
  const { allocatedResources: granted = {} } = actual;
  if (sameAmounts(wanted, requests) && sameAmounts(wanted, granted)) return wanted ?? {};
  const pending = pod.status?.conditions?.find(({ type }) => type === 'PodResizePending');
  const out: Record<string, string | number> = pending?.reason === 'Infeasible' ? {} : { ...wanted };
  for (const list of [requests, granted]) {
    for (const [name, quantity] of Object.entries(list)) {
      const known = out[name];
      if (known === undefined || milliValueOf(quantity) > milliValueOf(known)) out[name] = quantity;
    }
  }
  return out;
}

/** Nearly always: no resize is under way. */
function sameAmounts(a: QuantityMap = {}, b: QuantityMap): boolean {
  const names = Object.keys(b);
  return names.length === Object.keys(a).length && names.every((name) => a[name] === b[name]);
}

const nothing: QuantityMap = {};

function requestsOf(requests: QuantityMap, nonZero: boolean): Resources {
  const out = resourcesOf(requests);
  if (nonZero) {
    if (!('cpu' in requests)) out.milliCPU = defaultMilliCPURequest;
    if (!('memory' in requests)) out.memory = defaultMemoryRequest;
  }
  return out;
}

function containerRequests(pod: Readonly<Pod>, container: Container, isInit: boolean, nonZero: boolean): Resources {
  const wanted = (container.resources?.requests as QuantityMap | undefined) ?? nothing;
  const statuses = isInit ? pod.status?.initContainerStatuses : pod.status?.containerStatuses;
  const actual = statuses?.find(({ name }) => name === container.name) as Actual | undefined;
  return requestsOf(actual ? effective(pod, wanted, actual) : wanted, nonZero);
}

/**
 * What a pod asks of a node: its containers together, or the largest moment of its init containers (with the sidecars
 * that run by then), whichever is more; what is said for the whole pod goes first; plus overhead. A container that is
 * being resized counts with the most it may have. `nonZero` counts defaults for missing cpu and memory requests.
 */
export function podRequests(pod: Readonly<Pod>, nonZero = false): Resources {
  const total = emptyResources();
  const spec = pod.spec;
  for (const container of spec?.containers ?? []) {
    addResources(total, containerRequests(pod, container, false, nonZero));
  }
  const sidecars = emptyResources();
  const init = emptyResources();
  for (const container of spec?.initContainers ?? []) {
    const isSidecar = container.restartPolicy === 'Always';
    const requests = isSidecar
      ? containerRequests(pod, container, true, nonZero)
      : requestsOf((container.resources?.requests as QuantityMap | undefined) ?? nothing, nonZero);
    if (isSidecar) {
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
  const podLevel = (spec as { resources?: Given } | undefined)?.resources?.requests;
  if (podLevel) {
    const given = resourcesOf(effective(pod, podLevel, pod.status as Actual | undefined));
    for (const name of Object.keys(podLevel)) {
      if (name === 'cpu') total.milliCPU = given.milliCPU;
      else if (name === 'memory') total.memory = given.memory;
      else if (name.startsWith('hugepages-')) total.scalar.set(name, given.scalar.get(name) ?? 0);
    }
  }
  if (spec?.overhead) addResources(total, resourcesOf(spec.overhead as QuantityMap));
  return total;
}
