/** Which slices mirror an Endpoints object. Upstream: pkg/controller/endpointslicemirroring/reconciler.go (1.36). */
import type {
  DiscoveryEndpointPort,
  Endpoint,
  EndpointAddress,
  EndpointSlice,
  EndpointSubset,
  Endpoints,
} from '../../api/index.ts';
import { deepEqual, newControllerRef } from '../../apimachinery/index.ts';
import { canonicalIp, familyOf } from '../../net/index.ts';

export const controllerName = 'endpointslicemirroring-controller.k8s.io';
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
export const serviceNameLabel = 'kubernetes.io/service-name';
/** `--mirroring-max-endpoints-per-subset`. */
const maxPerSubset = 1000;
const unmirroredAnnotations = [
  'endpoints.kubernetes.io/last-change-trigger-time',
  'kubectl.kubernetes.io/last-applied-configuration',
];

type ReadSlice = Readonly<EndpointSlice>;
type ReadEndpoints = Readonly<Endpoints>;
type Family = 'IPv4' | 'IPv6';

interface Group {
  readonly family: Family;
  readonly ports: DiscoveryEndpointPort[];
  readonly endpoints: Map<string, Endpoint>;
}

export interface Mirror {
  readonly create: EndpointSlice[];
  readonly update: EndpointSlice[];
  readonly delete: ReadSlice[];
  /** Addresses that are none. */
  readonly invalid: number;
  /** Addresses that are not mirrored, those included. */
  readonly skipped: number;
}

/** `existing`: the slices that mirror it now. */
export function mirrorOf(endpoints: ReadEndpoints, existing: readonly ReadSlice[]): Mirror {
  const mirror = { create: [] as EndpointSlice[], update: [] as EndpointSlice[], delete: [] as ReadSlice[] };
  const { groups, invalid, skipped } = groupsOf(endpoints);
  const byKey = new Map<string, ReadSlice[]>();
  for (const slice of existing) {
    const key = groupKey(slice.addressType as Family, slice.ports ?? []);
    byKey.set(key, [...(byKey.get(key) ?? []), slice]);
  }
  for (const [key, group] of groups) {
    const slices = byKey.get(key) ?? [];
    byKey.delete(key);
    if (group.endpoints.size === 0) {
      mirror.delete.push(...slices);
      continue;
    }
    const [first, ...others] = slices;
    mirror.delete.push(...others);
    const wanted = sliceOf(endpoints, group);
    if (!first) mirror.create.push(wanted);
    else if (!isMirrored(first, wanted)) mirror.update.push(inPlaceOf(first, wanted));
  }
  for (const slices of byKey.values()) mirror.delete.push(...slices);
  recycle(mirror);
  return { ...mirror, invalid, skipped };
}

function groupsOf(endpoints: ReadEndpoints): { groups: Map<string, Group>; invalid: number; skipped: number } {
  const groups = new Map<string, Group>();
  let invalid = 0;
  let skipped = 0;
  for (const subset of endpoints.subsets ?? []) {
    const ports = portsOf(subset);
    const group = (family: Family): Group => {
      const key = groupKey(family, ports);
      const known = groups.get(key) ?? { family, ports, endpoints: new Map<string, Endpoint>() };
      groups.set(key, known);
      return known;
    };
    let added = 0;
    const add = (address: Readonly<EndpointAddress>, ready: boolean): void => {
      const family = familyOf(address.ip);
      if (added >= maxPerSubset || family === undefined) {
        skipped++;
        if (family === undefined && added < maxPerSubset) invalid++;
        return;
      }
      added++;
      const endpoint = endpointOf(address, ready);
      const key = `${endpoint.addresses[0]}|${endpoint.hostname ?? ''}|${endpoint.nodeName ?? ''}|${address.targetRef?.uid ?? ''}`;
      group(family).endpoints.set(key, endpoint);
    };
    for (const address of subset.addresses ?? []) add(address, true);
    for (const address of subset.notReadyAddresses ?? []) add(address, false);
  }
  return { groups, invalid, skipped };
}

function endpointOf(address: Readonly<EndpointAddress>, ready: boolean): Endpoint {
  const { ip, hostname, nodeName, targetRef } = address;
  return {
    addresses: [canonicalIp(ip)],
    conditions: { ready },
    ...(hostname ? { hostname } : {}),
    ...(targetRef ? { targetRef: { ...targetRef } } : {}),
    ...(nodeName === undefined ? {} : { nodeName }),
  };
}

function portsOf(subset: Readonly<EndpointSubset>): DiscoveryEndpointPort[] {
  return (subset.ports ?? []).map(({ name = '', port, protocol = 'TCP', appProtocol }) => ({
    name,
    port,
    protocol,
    ...(appProtocol === undefined ? {} : { appProtocol }),
  }));
}

function groupKey(family: Family, ports: readonly DiscoveryEndpointPort[]): string {
  const words = ports.map(({ name = '', protocol = 'TCP', port = 0, appProtocol = '' }) => {
    return `${name}/${protocol}/${port}/${appProtocol}`;
  });
  return `${family} ${words.sort().join(';')}`;
}

function sliceOf(endpoints: ReadEndpoints, { family, ports, endpoints: wanted }: Group): EndpointSlice {
  const { name = '', namespace, labels, annotations = {} } = endpoints.metadata;
  const kept = Object.entries(annotations).filter(([key]) => !unmirroredAnnotations.includes(key));
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      generateName: `${name}-`,
      namespace,
      labels: { ...labels, [serviceNameLabel]: name, [managedByLabel]: controllerName },
      ...(kept.length > 0 ? { annotations: Object.fromEntries(kept) } : {}),
      ownerReferences: [newControllerRef({ ...endpoints, apiVersion: 'v1', kind: 'Endpoints' })],
    },
    addressType: family,
    ports,
    endpoints: [...wanted.values()].slice(0, maxPerSubset),
  } as EndpointSlice;
}

function isMirrored(slice: ReadSlice, wanted: EndpointSlice): boolean {
  const byAddress = (list: readonly unknown[]) => list.map((each) => JSON.stringify(each, sortedKeys)).sort();
  return (
    deepEqual(slice.metadata.labels ?? {}, wanted.metadata.labels ?? {}) &&
    deepEqual(slice.metadata.annotations ?? {}, wanted.metadata.annotations ?? {}) &&
    // Endpoints that were deleted and made again are another owner.
    slice.metadata.ownerReferences?.[0]?.uid === wanted.metadata.ownerReferences?.[0]?.uid &&
    deepEqual(byAddress(slice.endpoints ?? []), byAddress(wanted.endpoints ?? []))
  );
}

function sortedKeys(_: string, value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function inPlaceOf(slice: ReadSlice, wanted: EndpointSlice): EndpointSlice {
  const { generateName: _, ...metadata } = wanted.metadata;
  const { name, uid, resourceVersion } = slice.metadata;
  return { ...wanted, metadata: { ...metadata, name, uid, resourceVersion } };
}

/** One write instead of two: a slice that would go becomes one of its family that would come. */
function recycle(mirror: { create: EndpointSlice[]; update: EndpointSlice[]; delete: ReadSlice[] }): void {
  for (const wanted of [...mirror.create]) {
    const place = mirror.delete.findIndex((slice) => slice.addressType === wanted.addressType);
    if (place < 0) continue;
    const [old] = mirror.delete.splice(place, 1);
    mirror.create.splice(mirror.create.indexOf(wanted), 1);
    mirror.update.push(inPlaceOf(old!, wanted));
  }
}
