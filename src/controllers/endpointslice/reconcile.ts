/**
 * Which slices to create, update and delete so that they hold the desired endpoints, with few writes: endpoints stay
 * where they are; room is filled in slices that are written anyway; one unchanged slice is filled up only if it takes
 * everything that is left; else new slices are made. Upstream: staging/src/k8s.io/endpointslice/reconciler.go (1.36).
 */

import type { DiscoveryEndpointPort, Endpoint, EndpointSlice, Node, Pod, Service } from '../../api/index.ts';
import { deepEqual, objectKey } from '../../apimachinery/index.ts';
import type { Lister } from '../../client/index.ts';
import { shouldPodBeInEndpoints } from '../common/endpoints.ts';
import type { ReadPod } from '../common/pods.ts';
import {
  type AddressType,
  endpointKey,
  endpointOf,
  endpointPortsOf,
  isOwnedBy,
  newSlice,
  portMapKey,
  sliceLabels,
} from './endpoint.ts';
import { disabled, type TopologyCache, type TopologyEvent, topologyModeIsAuto } from './topology-cache.ts';
import { addDistributionHints, removeHints, trafficDistributionOf } from './traffic-distribution.ts';

type ReadSlice = Readonly<EndpointSlice>;

export interface SliceChanges {
  readonly create: EndpointSlice[];
  readonly update: EndpointSlice[];
  readonly delete: ReadSlice[];
  /** Pods left out because their node is not known yet; the sync is to be repeated. */
  readonly errors: Error[];
  readonly events: TopologyEvent[];
}

export interface ReconcileInput {
  readonly service: Readonly<Service>;
  readonly pods: readonly ReadPod[];
  readonly slices: readonly ReadSlice[];
  readonly nodes: Lister<Node>;
  readonly maxEndpointsPerSlice: number;
  readonly topology: TopologyCache;
}

interface PortGroup {
  readonly ports: DiscoveryEndpointPort[];
  readonly endpoints: Map<string, Endpoint>;
}

/** Changes of one address family; `slices` are those of that family. */
export function reconcileByAddressType(input: ReconcileInput, addressType: AddressType): SliceChanges {
  const { service, slices } = input;
  const changes: SliceChanges = { create: [], update: [], delete: [], errors: [], events: [] };
  const existing = new Map<string, ReadSlice[]>();
  for (const slice of slices) {
    if (!isOwnedBy(slice, service)) {
      changes.delete.push(slice);
      continue;
    }
    const key = portMapKey(slice.ports);
    const list = existing.get(key);
    if (list) list.push(slice);
    else existing.set(key, [slice]);
  }
  const desired = desiredEndpoints(input, addressType, changes.errors);
  for (const [key, group] of desired) {
    reconcileByPorts(input, addressType, existing.get(key) ?? [], group, changes);
  }
  for (const [key, list] of existing) if (!desired.has(key)) changes.delete.push(...list);
  // A Service always has a slice, so that its consumers know that it was looked at.
  if (changes.delete.length === slices.length && changes.create.length === 0) {
    const placeholder = newSlice(service, addressType, []);
    const [only] = changes.delete;
    if (changes.delete.length === 1 && isPlaceholder(only!, placeholder)) changes.delete.length = 0;
    else changes.create.push(placeholder);
  }
  hint(input, addressType, changes);
  reuseDeleted(service, changes);
  return changes;
}

/** The topology annotation goes before `spec.trafficDistribution`; without either nobody has hints. */
function hint({ service, slices, topology }: ReconcileInput, addressType: AddressType, changes: SliceChanges): void {
  const key = objectKey(service);
  const written = new Set([...changes.update, ...changes.delete].map(({ metadata }) => metadata.uid));
  const unchanged = slices.filter(({ metadata }) => !written.has(metadata.uid));
  if (topologyModeIsAuto(service)) {
    changes.events.push(...topology.addHints(key, addressType, changes, unchanged));
    return;
  }
  if (topology.has(key)) changes.events.push(disabled('Topology Aware Hints has been disabled', addressType));
  topology.forget(key, addressType);
  const distribution = trafficDistributionOf(service);
  if (distribution === undefined) removeHints(changes, unchanged);
  else addDistributionHints(distribution, changes, unchanged);
}

function desiredEndpoints(input: ReconcileInput, addressType: AddressType, errors: Error[]): Map<string, PortGroup> {
  const { service, pods, nodes } = input;
  const desired = new Map<string, PortGroup>();
  for (const pod of pods as readonly Readonly<Pod>[]) {
    if (!shouldPodBeInEndpoints(pod, true)) continue;
    const ports = endpointPortsOf(service, pod);
    const key = portMapKey(ports);
    let group = desired.get(key);
    if (!group) {
      group = { ports, endpoints: new Map() };
      desired.set(key, group);
    }
    const nodeName = pod.spec?.nodeName ?? '';
    const node = nodes.get('', nodeName);
    if (!node && service.spec?.publishNotReadyAddresses !== true) {
      const { namespace, name } = service.metadata;
      const what = `skipping Pod ${pod.metadata.name} for Service ${namespace}/${name}: Node ${nodeName} Not Found`;
      errors.push(new Error(what));
      continue;
    }
    const endpoint = endpointOf(service, pod, node, addressType);
    if (endpoint) group.endpoints.set(endpointKey(endpoint), endpoint);
  }
  return desired;
}

/** `group.endpoints` is used up. */
function reconcileByPorts(
  input: ReconcileInput,
  addressType: AddressType,
  existing: readonly ReadSlice[],
  group: PortGroup,
  changes: SliceChanges,
): void {
  const { service, maxEndpointsPerSlice: max } = input;
  const labels = sliceLabels(service);
  const updates: EndpointSlice[] = [];
  let unchanged: ReadSlice[] = [];
  const left = group.endpoints;
  for (const slice of existing) {
    const kept: Endpoint[] = [];
    let changed = false;
    for (const endpoint of slice.endpoints ?? []) {
      const key = endpointKey(endpoint);
      const wanted = left.get(key);
      if (!wanted) continue;
      left.delete(key);
      const same = deepEqual({ ...wanted, hints: endpoint.hints }, endpoint);
      kept.push(same && !endpoint.hints ? endpoint : wanted);
      changed ||= !same;
    }
    const removed = kept.length !== (slice.endpoints ?? []).length;
    if ((changed || removed) && kept.length === 0) changes.delete.push(slice);
    else if (changed || removed || !deepEqual(slice.metadata.labels, labels)) {
      updates.push({ ...slice, metadata: { ...slice.metadata, labels }, endpoints: kept });
    } else unchanged.push(slice);
  }

  const fill = (slice: EndpointSlice) => {
    const endpoints = [...(slice.endpoints ?? [])];
    for (const [key, endpoint] of left) {
      if (endpoints.length >= max) break;
      endpoints.push(endpoint);
      left.delete(key);
    }
    slice.endpoints = endpoints;
  };
  // Fullest first, so that few slices stay half full.
  for (const slice of [...updates].sort((a, b) => b.endpoints!.length - a.endpoints!.length)) {
    if (left.size === 0) break;
    fill(slice);
  }
  while (left.size > 0) {
    const roomy = left.size < max ? sliceToFill(unchanged, left.size, max) : undefined;
    if (roomy) {
      unchanged = unchanged.filter((slice) => slice !== roomy);
      const next = { ...roomy, metadata: { ...roomy.metadata, labels } };
      fill(next);
      updates.push(next);
    } else {
      const next = newSlice(service, addressType, group.ports);
      fill(next);
      changes.create.push(next);
    }
  }
  changes.update.push(...updates);
}

/** The slice that would be fullest and still takes all. */
function sliceToFill(slices: readonly ReadSlice[], count: number, max: number): ReadSlice | undefined {
  let closest: ReadSlice | undefined;
  let closestRoom = max;
  for (const slice of slices) {
    const room = max - (count + (slice.endpoints ?? []).length);
    if (room >= 0 && room < closestRoom) {
      closest = slice;
      closestRoom = room;
    }
  }
  return closest;
}

/** A slice that would be deleted becomes one that would be created: one write instead of two. */
function reuseDeleted(service: Readonly<Service>, changes: SliceChanges): void {
  for (let i = 0; i < changes.delete.length && changes.create.length > 0; ) {
    const old = changes.delete[i]!;
    const fresh = changes.create.at(-1)!;
    if (old.addressType !== fresh.addressType || !isOwnedBy(old, service)) {
      i++;
      continue;
    }
    changes.create.pop();
    changes.delete.splice(i, 1);
    const { name, namespace, uid, resourceVersion, creationTimestamp, generation, generateName, managedFields } =
      old.metadata;
    const kept = { name, namespace, uid, resourceVersion, creationTimestamp, generation, generateName, managedFields };
    const { labels, ownerReferences } = fresh.metadata;
    changes.update.push({ ...fresh, metadata: { ...kept, labels, ownerReferences } });
  }
}

function isPlaceholder(slice: ReadSlice, placeholder: ReadSlice): boolean {
  return (
    (slice.endpoints ?? []).length === 0 &&
    (slice.ports ?? []).length === 0 &&
    slice.addressType === placeholder.addressType &&
    deepEqual(slice.metadata.labels, placeholder.metadata.labels)
  );
}
