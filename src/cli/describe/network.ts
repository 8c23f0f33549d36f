/** Services, endpoints, ingresses and network policies. */
import type {
  EndpointSlice,
  Endpoints,
  Ingress,
  IngressBackend,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
  Service,
} from '../../api/index.ts';
import { formatLabelSelector } from '../../apimachinery/index.ts';
import { labelsText } from '../printers/labels.ts';
import type { DescribeContext } from './context.ts';
import { describeEvents } from './events.ts';
import { type DescribeWriter, orNone } from './writer.ts';

const shownEndpointsMax = 3;

export async function describeService(
  w: DescribeWriter,
  service: Readonly<Service>,
  context: DescribeContext,
): Promise<void> {
  const { metadata, spec, status } = service;
  const [slices, events] = await Promise.all([slicesOf(context, service), context.events(service)]);
  w.line(0, 'Name:', metadata.name);
  w.line(0, 'Namespace:', metadata.namespace);
  w.labels('Labels', metadata.labels);
  w.annotations('Annotations', metadata.annotations);
  w.line(0, 'Selector:', labelsText(spec?.selector));
  w.line(0, 'Type:', spec?.type);
  if (spec?.ipFamilyPolicy) w.line(0, 'IP Family Policy:', spec.ipFamilyPolicy);
  w.line(0, 'IP Families:', orNone(spec?.ipFamilies?.join(',')));
  w.line(0, 'IP:', spec?.clusterIP);
  w.line(0, 'IPs:', orNone(spec?.clusterIPs?.join(',')));
  if (spec?.externalIPs?.length) w.line(0, 'External IPs:', spec.externalIPs.join(','));
  if (spec?.loadBalancerIP) w.line(0, 'Desired LoadBalancer IP:', spec.loadBalancerIP);
  if (spec?.externalName) w.line(0, 'External Name:', spec.externalName);
  const ingress = status?.loadBalancer?.ingress ?? [];
  if (ingress.length > 0) {
    const texts = ingress.map(({ ip, ipMode, hostname }) => (ip ? `${ip}${ipMode ? ` (${ipMode})` : ''}` : hostname));
    w.line(0, 'LoadBalancer Ingress:', texts.join(', '));
  }
  for (const port of spec?.ports ?? []) {
    const name = port.name || '<unset>';
    w.line(0, 'Port:', name, `${port.port}/${port.protocol}`);
    w.line(0, 'TargetPort:', `${port.targetPort ?? 0}/${port.protocol}`);
    if (port.appProtocol !== undefined) w.line(0, 'AppProtocol:', port.appProtocol);
    if (port.nodePort) w.line(0, 'NodePort:', name, `${port.nodePort}/${port.protocol}`);
    w.line(0, 'Endpoints:', endpointsText(slices, port.name ?? ''));
  }
  w.line(0, 'Session Affinity:', spec?.sessionAffinity);
  if (spec?.externalTrafficPolicy) w.line(0, 'External Traffic Policy:', spec.externalTrafficPolicy);
  if (spec?.internalTrafficPolicy) w.line(0, 'Internal Traffic Policy:', spec.internalTrafficPolicy);
  if (spec?.healthCheckNodePort) w.line(0, 'HealthCheck NodePort:', spec.healthCheckNodePort);
  if (spec?.loadBalancerSourceRanges?.length) {
    w.line(0, 'LoadBalancer Source Ranges:', spec.loadBalancerSourceRanges.join(','));
  }
  if (spec?.trafficDistribution) w.line(0, 'Traffic Distribution:', spec.trafficDistribution);
  describeEvents(w, events);
}

async function slicesOf(context: DescribeContext, { metadata }: Readonly<Service>): Promise<EndpointSlice[]> {
  const labelSelector = `kubernetes.io/service-name=${metadata.name}`;
  const found = await context.list<EndpointSlice>('endpointslices.discovery.k8s.io', metadata.namespace ?? '', {
    labelSelector,
  });
  return found ?? [];
}

/** The first addresses that are ready for a port, and how many more there are. */
function endpointsText(slices: readonly EndpointSlice[], portName: string): string {
  if (slices.length === 0) return '<none>';
  const list: string[] = [];
  let more = false;
  let count = 0;
  for (const { ports, endpoints } of slices) {
    const wanted: { readonly port?: number }[] = ports?.length
      ? ports.filter((port) => (port.name ?? '') === portName)
      : [{}];
    for (const { port } of wanted) {
      for (const { addresses, conditions } of endpoints ?? []) {
        if (list.length === shownEndpointsMax) more = true;
        if (conditions?.ready === false) continue;
        const address = addresses[0] ?? '';
        if (!more) list.push(port === undefined ? address : joinHostPort(address, port));
        count++;
      }
    }
  }
  const text = list.join(',');
  return more ? `${text} + ${count - shownEndpointsMax} more...` : text;
}

function joinHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export async function describeEndpoints(
  w: DescribeWriter,
  endpoints: Readonly<Endpoints>,
  context: DescribeContext,
): Promise<void> {
  const { metadata, subsets = [] } = endpoints;
  w.line(0, 'Name:', metadata.name);
  w.line(0, 'Namespace:', metadata.namespace);
  w.labels('Labels', metadata.labels);
  w.annotations('Annotations', metadata.annotations);
  w.line(0, 'Subsets:');
  for (const { addresses = [], notReadyAddresses = [], ports = [] } of subsets) {
    w.line(1, 'Addresses:', orNone(addresses.map(({ ip }) => ip).join(',')));
    w.line(1, 'NotReadyAddresses:', orNone(notReadyAddresses.map(({ ip }) => ip).join(',')));
    if (ports.length > 0) {
      w.line(1, 'Ports:');
      w.line(2, 'Name', 'Port', 'Protocol');
      w.line(2, '----', '----', '--------');
      for (const port of ports) w.line(2, port.name || '<unset>', port.port, port.protocol);
    }
    w.raw('\n');
  }
  describeEvents(w, await context.events(endpoints));
}

export async function describeEndpointSlice(
  w: DescribeWriter,
  slice: Readonly<EndpointSlice>,
  context: DescribeContext,
): Promise<void> {
  const { metadata, ports, endpoints } = slice;
  w.line(0, 'Name:', metadata.name);
  w.line(0, 'Namespace:', metadata.namespace);
  w.labels('Labels', metadata.labels);
  w.annotations('Annotations', metadata.annotations);
  w.line(0, 'AddressType:', slice.addressType);
  if (!ports?.length) w.line(0, 'Ports: <unset>');
  else {
    w.line(0, 'Ports:');
    w.line(1, 'Name', 'Port', 'Protocol');
    w.line(1, '----', '----', '--------');
    for (const port of ports) w.line(1, port.name || '<unset>', port.port ?? '<unset>', port.protocol);
  }
  if (!endpoints?.length) w.line(0, 'Endpoints: <none>');
  else w.line(0, 'Endpoints:');
  for (const endpoint of endpoints ?? []) {
    w.line(1, '- Addresses:', orNone(endpoint.addresses.join(', ')));
    w.line(2, 'Conditions:');
    w.line(3, 'Ready:', endpoint.conditions?.ready ?? '<unset>');
    w.line(2, 'Hostname:', endpoint.hostname ?? '<unset>');
    if (endpoint.targetRef) w.line(2, 'TargetRef:', `${endpoint.targetRef.kind}/${endpoint.targetRef.name}`);
    w.line(2, 'NodeName:', endpoint.nodeName ?? '<unset>');
    w.line(2, 'Zone:', endpoint.zone ?? '<unset>');
  }
  describeEvents(w, await context.events(slice));
}

export async function describeIngress(
  w: DescribeWriter,
  ingress: Readonly<Ingress>,
  context: DescribeContext,
): Promise<void> {
  const { metadata, spec, status } = ingress;
  const namespace = metadata.namespace ?? '';
  const addresses = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '');
  w.line(0, 'Name:', metadata.name);
  w.labels('Labels', metadata.labels);
  w.line(0, 'Namespace:', namespace);
  w.line(0, 'Address:', [...new Set(addresses.filter((address) => address !== ''))].sort().join(','));
  w.line(0, 'Ingress Class:', spec?.ingressClassName ?? '<none>');
  const fallback = spec?.defaultBackend ? await backendText(context, namespace, spec.defaultBackend) : '<default>';
  w.line(0, 'Default backend:', fallback);
  if (spec?.tls?.length) {
    w.line(0, 'TLS:');
    for (const { secretName, hosts = [] } of spec.tls) {
      w.line(1, secretName ? `${secretName} terminates ${hosts.join(',')}` : `SNI routes ${hosts.join(',')}`);
    }
  }
  w.raw('Rules:\n  Host\tPath\tBackends\n');
  w.line(1, '----', '----', '--------');
  const rules = (spec?.rules ?? []).filter((rule) => rule.http);
  for (const rule of rules) {
    w.line(1, rule.host || '*', '');
    for (const path of rule.http!.paths) {
      w.line(2, '', `${path.path ?? ''} `, await backendText(context, namespace, path.backend));
    }
  }
  if (rules.length === 0) w.line(1, '*', '*', fallback);
  w.annotations('Annotations', metadata.annotations);
  describeEvents(w, await context.events(ingress));
}

/** `web:80 (10.244.0.2:8080)`. */
async function backendText(context: DescribeContext, namespace: string, backend: IngressBackend): Promise<string> {
  const { service, resource } = backend;
  if (service) {
    const { name, port } = service;
    const text = `${name}:${port?.number || (port?.name ?? '')}`;
    const target = await context.get<Service>('services', namespace, name);
    if (!target) return `${text} (<error: services ${JSON.stringify(name)} not found>)`;
    const found = (target.spec?.ports ?? []).find(
      (p) => p.port === port?.number || (port?.name && p.name === port.name),
    );
    return `${text} (${endpointsText(await slicesOf(context, target), found?.name ?? '')})`;
  }
  if (!resource) return '';
  return `APIGroup: ${resource.apiGroup ?? '<none>'}, Kind: ${resource.kind}, Name: ${resource.name}`;
}

/** Upstream prints this one with spaces only, and Go's own text of the time. */
export async function describeNetworkPolicy(w: DescribeWriter, policy: Readonly<NetworkPolicy>): Promise<void> {
  const { metadata, spec } = policy;
  w.line(0, 'Name:', metadata.name);
  w.line(0, 'Namespace:', metadata.namespace);
  w.line(0, 'Created on:', (metadata.creationTimestamp ?? '').replace('T', ' ').replace('Z', ' +0000 UTC'));
  w.labels('Labels', metadata.labels);
  w.annotations('Annotations', metadata.annotations);
  w.line(0, 'Spec:');
  const selector = formatLabelSelector(spec?.podSelector);
  w.raw(
    `  PodSelector:     ${selector === '<none>' ? '<none> (Allowing the specific traffic to all pods in this namespace)' : selector}\n`,
  );
  const types = spec?.policyTypes ?? [];
  if (types.includes('Ingress')) {
    w.line(1, 'Allowing ingress traffic:');
    const rules = (spec?.ingress ?? []).map(({ ports, from }) => ({ ports, peers: from }));
    describeRules(w, rules, 'From', 'source', 'ingress');
  } else w.line(1, 'Not affecting ingress traffic');
  if (types.includes('Egress')) {
    w.line(1, 'Allowing egress traffic:');
    const rules = (spec?.egress ?? []).map(({ ports, to }) => ({ ports, peers: to }));
    describeRules(w, rules, 'To', 'destination', 'egress');
  } else w.line(1, 'Not affecting egress traffic');
  w.line(1, `Policy Types: ${types.join(', ')}`);
}

interface TrafficRule {
  readonly ports?: readonly NetworkPolicyPort[];
  readonly peers?: readonly NetworkPolicyPeer[];
}

function describeRules(
  w: DescribeWriter,
  rules: readonly TrafficRule[],
  title: string,
  side: string,
  direction: string,
): void {
  if (rules.length === 0) w.line(2, `<none> (Selected pods are isolated for ${direction} connectivity)`);
  for (const [i, { ports = [], peers = [] }] of rules.entries()) {
    if (ports.length === 0) w.line(2, 'To Port: <any> (traffic allowed to all ports)');
    for (const { port, endPort, protocol = 'TCP' } of ports) {
      w.line(
        2,
        endPort === undefined ? `To Port: ${port}/${protocol}` : `To Port Range: ${port}-${endPort}/${protocol}`,
      );
    }
    if (peers.length === 0) w.line(2, `${title}: <any> (traffic not restricted by ${side})`);
    for (const { podSelector, namespaceSelector, ipBlock } of peers) {
      w.line(2, `${title}:`);
      if (namespaceSelector) w.line(3, `NamespaceSelector: ${formatLabelSelector(namespaceSelector)}`);
      if (podSelector) w.line(3, `PodSelector: ${formatLabelSelector(podSelector)}`);
      if (ipBlock && !podSelector && !namespaceSelector) {
        w.line(3, 'IPBlock:');
        w.line(4, `CIDR: ${ipBlock.cidr}`);
        w.line(4, `Except: ${(ipBlock.except ?? []).join(', ')}`);
      }
    }
    if (i !== rules.length - 1) w.line(2, '----------');
  }
}
