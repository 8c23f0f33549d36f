/**
 * Features × modes: where each mode sends a packet. The packets are walked through the rules made for them, as kernels
 * walk them (test/real/trace-kernel.test.ts holds the walk to the kernel's own); the texts have goldens beside this file.
 */
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../src/apimachinery/index.ts';
import { type ProxyMode, proxyModes, proxyScript, Tracer } from '../../src/proxy/index.ts';

interface EndpointSpec {
  /** Last number of its address; on node n1, n2, n3 by turns. */
  readonly at: 1 | 2 | 3;
  readonly conditions?: object;
  readonly hints?: object;
}

interface Feature {
  readonly spec?: Record<string, unknown>;
  readonly metadata?: object;
  readonly status?: object;
  readonly endpoints?: readonly EndpointSpec[];
  /** Who asks, on n1. */
  readonly from?: 'pod' | 'node' | 'outside';
  readonly to?: string;
  readonly port?: number;
  readonly protocol?: 'tcp' | 'udp' | 'sctp';
  readonly family?: 'IPv4' | 'IPv6';
  /** Addresses of endpoints (their last numbers), or what becomes of the packet. */
  readonly expected: string;
  /** Where a mode differs, as upstream's does. */
  readonly per?: Partial<Record<ProxyMode, string>>;
}

const ip = (family: string, at: number) => (family === 'IPv6' ? `fd00:${at}::2` : `10.244.${at}.2`);

const node = (at: number): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: `n${at}`, labels: { 'topology.kubernetes.io/zone': at === 3 ? 'far' : 'near' } },
  spec: { podCIDRs: [`10.244.${at}.0/24`, `fd00:${at}::/64`] },
  status: {
    addresses: [
      { type: 'InternalIP', address: `192.168.0.1${at}` },
      { type: 'InternalIP', address: `fd00:ffff::1${at}` },
    ],
  },
});

function worldOf({ spec = {}, metadata = {}, status = {}, endpoints = [{ at: 1 }, { at: 2 }, { at: 3 }] }: Feature) {
  const families = (['IPv4', 'IPv6'] as const).map((family) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { namespace: 'a', name: `web-${family}`, labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: family,
    ports: ['TCP', 'UDP', 'SCTP'].map((protocol) => ({ name: protocol.toLowerCase(), port: 8080, protocol })),
    endpoints: endpoints.map(({ at, conditions = { ready: true, serving: true }, hints }) => ({
      addresses: [ip(family, at)],
      nodeName: `n${at}`,
      conditions,
      ...(hints && { hints }),
    })),
  }));
  const web: KubeObject = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: 'a', name: 'web', ...metadata },
    spec: {
      clusterIP: '10.96.0.10',
      clusterIPs: ['10.96.0.10', 'fd00:96::10'],
      ports: ['TCP', 'UDP', 'SCTP'].map((protocol, i) => ({
        name: protocol.toLowerCase(),
        port: 80,
        protocol,
        ...(['NodePort', 'LoadBalancer'].includes(spec['type'] as string) && { nodePort: 30_080 + i }),
      })),
      ...spec,
    },
    status,
  };
  const pods = (['IPv4', 'IPv6'] as const).flatMap((family) =>
    [1, 2, 3].map((at) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace: 'a', name: `web-${at}-${family}` },
      spec: { nodeName: `n${at}`, containers: [] },
      status: { phase: 'Running', podIPs: [{ ip: ip(family, at) }] },
    })),
  );
  return { services: [web], endpointSlices: families, nodes: [1, 2, 3].map(node), pods: pods as KubeObject[] };
}

function reached(mode: ProxyMode, feature: Feature): string {
  const { from = 'pod', to, port = 80, protocol = 'tcp', family = 'IPv4' } = feature;
  const six = family === 'IPv6';
  const tracer = new Tracer(worldOf(feature), {
    family,
    clusterCIDR: six ? 'fd00:0::/40' : '10.244.0.0/16',
    serviceCIDRs: [six ? 'fd00:96::/112' : '10.96.0.0/12'],
  });
  const sources = {
    pod: ip(family, 1).replace(/2$/, '9'),
    node: six ? 'fd00:ffff::11' : '192.168.0.11',
    outside: six ? '2001:db8::7' : '203.0.113.7',
  };
  const { outcomes } = tracer.trace(
    mode,
    {
      source: sources[from],
      destination: to ?? (six ? 'fd00:96::10' : '10.96.0.10'),
      destinationPort: port,
      protocol,
    },
    { kind: from, node: 'n1' },
  );
  const ends = outcomes.map(({ end, destination }) =>
    end.kind === 'pod'
      ? [1, 2, 3].find((at) => destination === (six ? `[${ip(family, at)}]:8080` : `${ip(family, at)}:8080`))
      : end.kind,
  );
  return [...new Set(ends)].sort().join(' ');
}

const nodePort = { spec: { type: 'NodePort' }, from: 'outside', to: '192.168.0.11', port: 30_080 } as const;
const vip = (more: object = {}) => ({ loadBalancer: { ingress: [{ ip: '198.51.100.5', ...more }] } });
const balanced = { spec: { type: 'LoadBalancer' }, status: vip(), from: 'outside', to: '198.51.100.5' } as const;
const leaving = { ready: false, serving: true, terminating: true };
const gone = { ready: false, serving: false, terminating: true };
const zones = (...names: string[]) => ({ forZones: names.map((name) => ({ name })) });
const nodes = (...names: string[]) => ({ forNodes: names.map((name) => ({ name })) });

const features: Readonly<Record<string, Feature>> = {
  'cluster IP': { expected: '1 2 3' },
  'cluster IP from the node itself': { from: 'node', expected: '1 2 3' },
  'UDP on the same port': { protocol: 'udp', expected: '1 2 3' },
  'SCTP on the same port': { protocol: 'sctp', expected: '1 2 3' },
  'the other family': { family: 'IPv6', expected: '1 2 3' },
  // iptables mode has no rule for it: out by the default route, where nobody has the address.
  'a port that the Service has not': { port: 81, expected: 'rejected', per: { iptables: 'lost' } },
  'no endpoints at all': { endpoints: [], expected: 'rejected' },
  'none ready': { endpoints: [{ at: 1, conditions: { ready: false } }], expected: 'rejected' },
  'terminating ones when none is ready': {
    endpoints: [
      { at: 1, conditions: leaving },
      { at: 2, conditions: gone },
      { at: 3, conditions: leaving },
    ],
    expected: '1 3',
  },
  'no terminating ones beside a ready one': { endpoints: [{ at: 1, conditions: leaving }, { at: 2 }], expected: '2' },
  'internalTrafficPolicy Local': { spec: { internalTrafficPolicy: 'Local' }, expected: '1' },
  'internalTrafficPolicy Local with nobody here': {
    spec: { internalTrafficPolicy: 'Local' },
    endpoints: [{ at: 2 }],
    expected: 'dropped',
    // A virtual server without real ones: IPVS answers itself.
    per: { ipvs: 'rejected' },
  },
  'a node port': { ...nodePort, expected: '1 2 3' },
  'a node port, UDP': { ...nodePort, protocol: 'udp', port: 30_081, expected: '1 2 3' },
  'a node port, SCTP': { ...nodePort, protocol: 'sctp', port: 30_082, expected: '1 2 3' },
  'a node port without endpoints': { ...nodePort, endpoints: [], expected: 'rejected' },
  'externalTrafficPolicy Local': {
    ...nodePort,
    spec: { type: 'NodePort', externalTrafficPolicy: 'Local' },
    expected: '1',
  },
  'externalTrafficPolicy Local means nothing to the cluster IP': {
    spec: { type: 'NodePort', externalTrafficPolicy: 'Local' },
    expected: '1 2 3',
  },
  'a load balancer': { ...balanced, expected: '1 2 3' },
  'a load balancer with ipMode Proxy: packets go out to it': {
    ...balanced,
    status: vip({ ipMode: 'Proxy' }),
    from: 'pod',
    expected: 'outside',
  },
  'a source that the ranges allow': {
    ...balanced,
    spec: { type: 'LoadBalancer', loadBalancerSourceRanges: ['203.0.113.0/24'] },
    expected: '1 2 3',
  },
  'a source that they do not': {
    ...balanced,
    spec: { type: 'LoadBalancer', loadBalancerSourceRanges: ['192.0.2.0/24'] },
    expected: 'dropped',
  },
  'an external IP': { spec: { externalIPs: ['198.51.100.9'] }, from: 'outside', to: '198.51.100.9', expected: '1 2 3' },
  'trafficDistribution PreferSameZone': {
    spec: { trafficDistribution: 'PreferSameZone' },
    endpoints: [
      { at: 1, hints: zones('near') },
      { at: 2, hints: zones('near') },
      { at: 3, hints: zones('far') },
    ],
    expected: '1 2',
  },
  'zone hints are not followed when one endpoint has none': {
    spec: { trafficDistribution: 'PreferClose' },
    endpoints: [{ at: 1, hints: zones('near') }, { at: 2, hints: zones('near') }, { at: 3 }],
    expected: '1 2 3',
  },
  'nor when none is for this zone': {
    spec: { trafficDistribution: 'PreferClose' },
    endpoints: [
      { at: 2, hints: zones('far') },
      { at: 3, hints: zones('far') },
    ],
    expected: '2 3',
  },
  'trafficDistribution PreferSameNode': {
    spec: { trafficDistribution: 'PreferSameNode' },
    endpoints: [
      { at: 1, hints: { ...zones('near'), ...nodes('n1') } },
      { at: 2, hints: { ...zones('near'), ...nodes('n2') } },
      { at: 3, hints: { ...zones('far'), ...nodes('n3') } },
    ],
    expected: '1',
  },
  'PreferSameNode falls back to the zone': {
    spec: { trafficDistribution: 'PreferSameNode' },
    endpoints: [
      { at: 2, hints: { ...zones('near'), ...nodes('n2') } },
      { at: 3, hints: { ...zones('far'), ...nodes('n3') } },
    ],
    expected: '2',
  },
};

describe.each(proxyModes)('%s mode', (mode) => {
  test.each(Object.entries(features))('%s', (_name, feature) => {
    expect(reached(mode, feature)).toBe(feature.per?.[mode] ?? feature.expected);
  });

  test.each<[string, Feature]>([
    ['a headless Service', { spec: { clusterIP: 'None', clusterIPs: ['None'] }, expected: '' }],
    [
      'ExternalName',
      { spec: { type: 'ExternalName', clusterIP: '', clusterIPs: [], externalName: 'x.org' }, expected: '' },
    ],
    [
      "another proxy's",
      { metadata: { labels: { 'service.kubernetes.io/service-proxy-name': 'other' } }, expected: '' },
    ],
  ])('%s has no rules at all', (_name, feature) => {
    const { services, endpointSlices, nodes: all } = worldOf(feature);
    const config = {
      node: { name: 'n1', labels: {}, ips: [all[0]!['status'].addresses[0].address] },
      family: 'IPv4',
    } as const;
    const labelled = endpointSlices.map((slice) => ({
      ...slice,
      metadata: { ...slice.metadata, labels: { ...slice.metadata.labels, ...services[0]!.metadata.labels } },
    }));
    expect(proxyScript(mode, { services, endpointSlices: labelled }, config)).toBe(
      proxyScript(mode, { services: [], endpointSlices: [] }, config),
    );
  });
});
