/** Endpoints' subsets out of pods. Upstream: pkg/controller/endpoint/endpoints_controller.go, pkg/api/v1/endpoints/util.go. */
import type { EndpointAddress, EndpointPort, EndpointSubset, Service } from '../../api/index.ts';
import { findPort, isHeadless, shouldPodBeInEndpoints, shouldSetHostname } from '../common/endpoints.ts';
import { isPodReady, type ReadPod } from '../common/pods.ts';

/** Most addresses an Endpoints object holds. */
export const maxCapacity = 1000;

interface Entry {
  readonly address: EndpointAddress;
  readonly ready: boolean;
  readonly ports: Map<string, EndpointPort>;
}

/** Subsets of addresses with the same ports, in a fixed order: by ports, addresses by IP and uid. */
export function subsetsOf(service: Readonly<Service>, pods: readonly ReadPod[]): EndpointSubset[] {
  const entries = new Map<string, Entry>();
  const publishNotReady = service.spec?.publishNotReadyAddresses === true;
  for (const pod of pods) {
    if (!shouldPodBeInEndpoints(pod, publishNotReady)) continue;
    const address = addressOf(service, pod);
    if (!address) continue;
    const ready = publishNotReady || isPodReady(pod);
    const ports = portsOf(service, pod);
    if (!ports) continue;
    const key = `${address.ip}/${address.targetRef?.uid}/${ready}`;
    const entry = entries.get(key) ?? { address, ready, ports: new Map() };
    for (const port of ports) entry.ports.set(portKey(port), port);
    entries.set(key, entry);
  }
  return repack([...entries.values()]);
}

/** undefined: no port of the Service is found on the pod, so it is not an endpoint. */
function portsOf(service: Readonly<Service>, pod: ReadPod): EndpointPort[] | undefined {
  const ports = service.spec?.ports ?? [];
  if (ports.length === 0) return isHeadless(service) ? [] : undefined;
  const out: EndpointPort[] = [];
  for (const port of ports) {
    const number = findPort(pod, port);
    if (number === undefined) continue;
    const { name, protocol = 'TCP', appProtocol } = port;
    out.push({
      ...(name ? { name } : {}),
      port: number,
      protocol,
      ...(appProtocol === undefined ? {} : { appProtocol }),
    });
  }
  return out.length > 0 ? out : undefined;
}

function addressOf(service: Readonly<Service>, pod: ReadPod): EndpointAddress | undefined {
  const { ipFamilies, clusterIP } = service.spec ?? {};
  const wantsIPv6 = ipFamilies?.length ? ipFamilies[0] === 'IPv6' : (clusterIP?.includes(':') ?? false);
  const ips = pod.status?.podIPs?.map((entry) => entry.ip) ?? [pod.status?.podIP];
  const ip = ips.find((candidate) => candidate?.includes(':') === wantsIPv6);
  if (!ip) return undefined;
  const { name, namespace, uid } = pod.metadata;
  return {
    ip,
    ...(shouldSetHostname(pod, service) ? { hostname: pod.spec!.hostname } : {}),
    ...(pod.spec?.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
}

function repack(entries: readonly Entry[]): EndpointSubset[] {
  const groups = new Map<string, { ports: EndpointPort[]; ready: EndpointAddress[]; notReady: EndpointAddress[] }>();
  for (const { address, ready, ports } of entries) {
    const keys = [...ports.keys()].sort();
    const groupKey = keys.join(';');
    let group = groups.get(groupKey);
    if (!group) {
      group = { ports: keys.map((key) => ports.get(key)!), ready: [], notReady: [] };
      groups.set(groupKey, group);
    }
    (ready ? group.ready : group.notReady).push(address);
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { ports, ready, notReady }]) => ({
      ...(ready.length > 0 ? { addresses: ready.sort(byAddress) } : {}),
      ...(notReady.length > 0 ? { notReadyAddresses: notReady.sort(byAddress) } : {}),
      ...(ports.length > 0 ? { ports } : {}),
    }));
}

function byAddress(a: EndpointAddress, b: EndpointAddress): number {
  if (a.ip !== b.ip) return a.ip < b.ip ? -1 : 1;
  return (a.targetRef?.uid ?? '') < (b.targetRef?.uid ?? '') ? -1 : 1;
}

function portKey({ name = '', protocol = 'TCP', port }: EndpointPort): string {
  return `${name}/${protocol}/${port}`;
}

/** Cut to `maxCapacity` addresses, ready ones first, each subset in proportion; undefined when they fit. */
export function truncated(subsets: readonly EndpointSubset[]): EndpointSubset[] | undefined {
  const count = (field: 'addresses' | 'notReadyAddresses') =>
    subsets.reduce((total, subset) => total + (subset[field]?.length ?? 0), 0);
  const ready = count('addresses');
  const notReady = count('notReadyAddresses');
  if (ready + notReady <= maxCapacity) return undefined;
  const cutReady = ready > maxCapacity;
  const max = cutReady ? maxCapacity : maxCapacity - ready;
  const total = cutReady ? ready : notReady;
  let left = max;
  return subsets.map(({ addresses, notReadyAddresses, ...rest }) => {
    const list = (cutReady ? addresses : notReadyAddresses) ?? [];
    const kept = list.slice(0, Math.min(left, Math.ceil((list.length / total) * max)));
    left -= kept.length;
    const shown = cutReady ? kept : (addresses ?? []);
    const hidden = cutReady ? [] : kept;
    return {
      ...(shown.length > 0 ? { addresses: shown } : {}),
      ...(hidden.length > 0 ? { notReadyAddresses: hidden } : {}),
      ...rest,
    };
  });
}
