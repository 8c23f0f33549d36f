/** One endpoint of a slice out of a pod. Upstream: staging/src/k8s.io/endpointslice/utils.go. */
import type { DiscoveryEndpointPort, Endpoint, EndpointSlice, Node, Service } from '../../api/index.ts';
import { newControllerRef } from '../../apimachinery/index.ts';
import { findPort, headlessLabel, isHeadless, shouldSetHostname } from '../common/endpoints.ts';
import { isPodReady, type ReadPod } from '../common/pods.ts';

export type AddressType = 'IPv4' | 'IPv6';

export const serviceNameLabel = 'kubernetes.io/service-name';
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
export const controllerName = 'endpointslice-controller.k8s.io';

/** Address families a Service has endpoints in. */
export function addressTypesOf(service: Readonly<Service>): AddressType[] {
  const { ipFamilies, clusterIP } = service.spec ?? {};
  if (ipFamilies?.length) return ipFamilies.filter((f): f is AddressType => f === 'IPv4' || f === 'IPv6');
  if (clusterIP && clusterIP !== 'None') return [clusterIP.includes(':') ? 'IPv6' : 'IPv4'];
  return ['IPv4', 'IPv6'];
}

/** undefined when the pod has no address of the family. */
export function endpointOf(
  service: Readonly<Service>,
  pod: ReadPod,
  node: Readonly<Node> | undefined,
  addressType: AddressType,
): Endpoint | undefined {
  const addresses: string[] = [];
  for (const { ip } of pod.status?.podIPs ?? []) if (ip.includes(':') === (addressType === 'IPv6')) addresses.push(ip);
  if (addresses.length === 0) return undefined;
  const serving = isPodReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating);
  const zone = node?.metadata.labels?.['topology.kubernetes.io/zone'];
  const { namespace, name, uid } = pod.metadata;
  return {
    addresses,
    conditions: { ready, serving, terminating },
    ...(shouldSetHostname(pod, service) ? { hostname: pod.spec!.hostname } : {}),
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(pod.spec?.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    ...(zone ? { zone } : {}),
  };
}

export function endpointPortsOf(service: Readonly<Service>, pod: ReadPod): DiscoveryEndpointPort[] {
  const out: DiscoveryEndpointPort[] = [];
  for (const port of service.spec?.ports ?? []) {
    const number = findPort(pod, port);
    if (number === undefined) continue;
    const { name = '', protocol = 'TCP', appProtocol } = port;
    out.push({ name, port: number, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) });
  }
  return out;
}

/** Endpoints with equal keys are the same one, in whatever condition. */
export function endpointKey(endpoint: Readonly<Endpoint>): string {
  const { addresses, hostname = '', nodeName = '', targetRef } = endpoint;
  return `${addresses.join(',')}|${hostname}|${nodeName}|${targetRef?.namespace}/${targetRef?.name}/${targetRef?.uid}`;
}

/** Port lists with equal keys may share slices. */
export function portMapKey(ports: readonly DiscoveryEndpointPort[] | undefined): string {
  return (ports ?? [])
    .map(({ name = '', protocol = 'TCP', port, appProtocol = '' }) => `${name}/${protocol}/${port}/${appProtocol}`)
    .sort()
    .join(';');
}

/** Labels of a Service's slices: its own, and ours. */
export function sliceLabels(service: Readonly<Service>): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [key, value] of Object.entries(service.metadata.labels ?? {})) if (!isReserved(key)) labels[key] = value;
  if (isHeadless(service)) labels[headlessLabel] = '';
  labels[serviceNameLabel] = service.metadata.name!;
  labels[managedByLabel] = controllerName;
  return labels;
}

function isReserved(key: string): boolean {
  return key === serviceNameLabel || key === managedByLabel || key === headlessLabel;
}

export function newSlice(
  service: Readonly<Service>,
  addressType: AddressType,
  ports: DiscoveryEndpointPort[],
): EndpointSlice {
  const { name, namespace } = service.metadata;
  const prefix = `${name}-`;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      generateName: prefix,
      namespace,
      labels: sliceLabels(service),
      ownerReferences: [newControllerRef({ ...service, apiVersion: 'v1', kind: 'Service' })],
    },
    addressType,
    ports,
    endpoints: [],
  };
}

export function isOwnedBy(slice: Readonly<EndpointSlice>, service: Readonly<Service>): boolean {
  return (slice.metadata.ownerReferences ?? []).some(
    (owner) => owner.uid === service.metadata.uid && owner.kind === 'Service' && owner.apiVersion === 'v1',
  );
}
