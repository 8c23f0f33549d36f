/** A cluster small enough to know by heart: three nodes in two zones, a client on each of two, Services of every kind. */
import type { KubeObject } from '../../../src/apimachinery/index.ts';
import type { TraceConfig, TraceInput } from '../../../src/proxy/index.ts';
import { service, slice } from '../objects.ts';

const node = (name: string, ip: string, podCIDR: string, zone: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: { 'topology.kubernetes.io/zone': zone } },
  spec: { podCIDR, podCIDRs: [podCIDR] },
  status: { addresses: [{ type: 'InternalIP', address: ip }] },
});

export const pod = (name: string, ip: string, nodeName: string, labels: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'shop', name, labels },
  spec: { nodeName, containers: [] },
  status: { phase: 'Running', podIP: ip, podIPs: [{ ip }] },
});

const port = (number: number, more: object = {}) => [{ port: number, protocol: 'TCP', ...more }];

export const config: TraceConfig = {
  family: 'IPv4',
  clusterCIDR: '10.244.0.0/16',
  serviceCIDRs: ['10.96.0.0/12'],
};

export const cluster: TraceInput = {
  nodes: [
    node('n1', '192.168.0.11', '10.244.1.0/24', 'a'),
    node('n2', '192.168.0.12', '10.244.2.0/24', 'a'),
    node('n3', '192.168.0.13', '10.244.3.0/24', 'b'),
  ],
  pods: [
    pod('client', '10.244.1.9', 'n1'),
    pod('web-1', '10.244.1.2', 'n1'),
    pod('web-2', '10.244.2.2', 'n2'),
    pod('web-3', '10.244.3.2', 'n3'),
  ],
  services: [
    service('shop', 'web', { clusterIP: '10.96.0.10', ports: port(80) }),
    service('shop', 'sticky', {
      clusterIP: '10.96.0.11',
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 600 } },
      ports: port(80),
    }),
    service('shop', 'near', { clusterIP: '10.96.0.12', internalTrafficPolicy: 'Local', ports: port(80) }),
    service('shop', 'empty', { clusterIP: '10.96.0.13', ports: port(80, { nodePort: 30013 }), type: 'NodePort' }),
    service('shop', 'door', { clusterIP: '10.96.0.14', type: 'NodePort', ports: port(80, { nodePort: 30014 }) }),
    service(
      'shop',
      'front',
      {
        clusterIP: '10.96.0.15',
        type: 'LoadBalancer',
        externalTrafficPolicy: 'Local',
        loadBalancerSourceRanges: ['203.0.113.0/24'],
        ports: port(80, { nodePort: 30015 }),
      },
      { loadBalancer: { ingress: [{ ip: '198.51.100.5' }] } },
    ),
    service('shop', 'zoned', { clusterIP: '10.96.0.16', ports: port(80) }),
    service('shop', 'names', { clusterIP: '10.96.0.17', ports: [{ port: 53, protocol: 'UDP' }] }),
  ],
  endpointSlices: [
    ...['web', 'sticky', 'near', 'door'].map((name) =>
      slice(
        'shop',
        name,
        [['', 8080]],
        [
          { ip: '10.244.1.2', node: 'n1' },
          { ip: '10.244.2.2', node: 'n2' },
          { ip: '10.244.3.2', node: 'n3', ready: name === 'web' || name === 'sticky' },
        ],
      ),
    ),
    slice('shop', 'empty', [['', 8080]], [{ ip: '10.244.3.2', node: 'n3', ready: false }]),
    slice('shop', 'front', [['', 8080]], [{ ip: '10.244.2.2', node: 'n2' }]),
    slice(
      'shop',
      'zoned',
      [['', 8080]],
      [
        { ip: '10.244.1.2', node: 'n1', zones: ['a'] },
        { ip: '10.244.3.2', node: 'n3', zones: ['b'] },
      ],
    ),
    slice('shop', 'names', [['', 5353, 'UDP']], [{ ip: '10.244.2.2', node: 'n2' }]),
  ],
};
