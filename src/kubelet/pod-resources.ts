/** Sums of a pod's requests and limits. Upstream: k8s.io/component-helpers/resource/helpers.go. */
import { addQuantity, compareQuantity, parseQuantity } from '../apimachinery/index.ts';
import { type Container, isSidecar, type PodSpec } from './pod-types.ts';

type ResourceList = Record<string, string>;

function addInto(total: ResourceList, more: Readonly<ResourceList> | undefined): void {
  for (const [name, quantity] of Object.entries(more ?? {})) {
    total[name] = total[name] === undefined ? quantity : addQuantity(total[name], quantity);
  }
}

function maxInto(total: ResourceList, other: Readonly<ResourceList>): void {
  for (const [name, quantity] of Object.entries(other)) {
    if (total[name] === undefined || compareQuantity(quantity, total[name]) > 0) total[name] = quantity;
  }
}

/** What the pod needs at its peak: max(init so far + sidecars, app + sidecars) + overhead; pod-level values win. */
export function podRequests(spec: PodSpec): Readonly<ResourceList> {
  let requests = knownRequests.get(spec);
  if (!requests) {
    requests = aggregate(spec, (container) => container.resources?.requests, spec.resources?.requests);
    knownRequests.set(spec, requests);
  }
  return requests;
}

/** Specs from the API never change; each admission sums over all pods of the node. */
const knownRequests = new WeakMap<PodSpec, Readonly<ResourceList>>();

export function podLimits(spec: PodSpec): ResourceList {
  return aggregate(spec, (container) => container.resources?.limits, spec.resources?.limits);
}

function aggregate(
  spec: PodSpec,
  of: (container: Container) => Readonly<ResourceList> | undefined,
  podLevel: Readonly<ResourceList> | undefined,
): ResourceList {
  const total: ResourceList = {};
  for (const container of spec.containers) addInto(total, of(container));
  const sidecars: ResourceList = {};
  const initPeak: ResourceList = {};
  for (const container of spec.initContainers ?? []) {
    if (isSidecar(container)) {
      addInto(total, of(container));
      addInto(sidecars, of(container));
      maxInto(initPeak, sidecars);
    } else {
      const current = { ...sidecars };
      addInto(current, of(container));
      maxInto(initPeak, current);
    }
  }
  maxInto(total, initPeak);
  for (const [name, quantity] of Object.entries(podLevel ?? {})) total[name] = quantity;
  addInto(total, spec.overhead);
  return total;
}

/** Guaranteed, Burstable or BestEffort. Upstream: pkg/apis/core/v1/helper/qos/qos.go. */
export function podQOS(spec: PodSpec): string {
  const containers = [...spec.containers, ...(spec.initContainers ?? [])];
  let any = false;
  let guaranteed = true;
  const parts = spec.resources ? [{ resources: spec.resources }] : containers;
  for (const { resources } of parts) {
    for (const name of ['cpu', 'memory']) {
      const request = positive(resources?.requests?.[name]);
      const limit = positive(resources?.limits?.[name]);
      if (request !== undefined || limit !== undefined) any = true;
      if (limit === undefined || (request !== undefined && compareQuantity(request, limit) !== 0)) guaranteed = false;
    }
  }
  if (!any) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

function positive(quantity: string | undefined): string | undefined {
  return quantity !== undefined && parseQuantity(quantity).sign > 0 ? quantity : undefined;
}
