import type { KubeObject } from '../../src/apimachinery/index.ts';
import type { ProxyConfig } from '../../src/proxy/index.ts';

export const config: ProxyConfig = {
  node: { name: 'test-node', labels: { 'topology.kubernetes.io/zone': 'zone-a' }, ips: ['192.168.0.2'] },
  family: 'IPv4',
  clusterCIDR: '10.0.0.0/8',
  serviceCIDRs: ['172.30.0.0/16'],
};

export function service(
  namespace: string,
  name: string,
  spec: Record<string, unknown>,
  status: unknown = {},
): KubeObject {
  return { apiVersion: 'v1', kind: 'Service', metadata: { namespace, name }, spec, status };
}

export interface EndpointSpec {
  readonly ip: string;
  readonly node?: string;
  readonly ready?: boolean;
  readonly serving?: boolean;
  readonly terminating?: boolean;
  readonly zones?: string[];
}

export function slice(
  namespace: string,
  name: string,
  ports: [name: string, port: number, protocol?: string][],
  endpoints: EndpointSpec[],
): KubeObject {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { namespace, name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: ports.map(([portName, port, protocol = 'TCP']) => ({ name: portName, port, protocol })),
    endpoints: endpoints.map(({ ip, node, ready = true, serving = ready, terminating = false, zones }) => ({
      addresses: [ip],
      nodeName: node,
      conditions: { ready, serving, terminating },
      ...(zones && { hints: { forZones: zones.map((zone) => ({ name: zone })) } }),
    })),
  };
}

/** One of each: cluster IP, affinity, node port, load balancer with ranges and Local policy, external IP, none ready, UDP. */
export const everything = {
  services: [
    service('ns1', 'svc1', { clusterIP: '172.30.0.41', ports: [{ name: 'p80', port: 80, protocol: 'TCP' }] }),
    service(
      'ns2',
      'svc2',
      {
        type: 'LoadBalancer',
        clusterIP: '172.30.0.42',
        externalTrafficPolicy: 'Local',
        healthCheckNodePort: 30000,
        externalIPs: ['192.168.99.22'],
        loadBalancerSourceRanges: ['192.168.0.0/24', ' 203.0.113.0/25'],
        ports: [{ name: 'p80', port: 80, protocol: 'TCP', nodePort: 3001 }],
      },
      { loadBalancer: { ingress: [{ ip: '1.2.3.4' }, { ip: '9.9.9.9', ipMode: 'Proxy' }] } },
    ),
    service('ns3', 'svc3', {
      type: 'NodePort',
      clusterIP: '172.30.0.43',
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 3600 } },
      ports: [{ name: 'p80', port: 80, protocol: 'TCP', nodePort: 3003 }],
    }),
    service('ns4', 'gone', {
      clusterIP: '172.30.0.44',
      externalIPs: ['192.168.99.33'],
      ports: [{ port: 53, protocol: 'UDP' }],
    }),
    service('ns5', 'headless', { clusterIP: 'None', ports: [{ port: 80 }] }),
    service('ns6', 'alias', { type: 'ExternalName', externalName: 'example.com' }),
    service('ns7', 'local', {
      clusterIP: '172.30.0.47',
      internalTrafficPolicy: 'Local',
      ports: [{ port: 80, protocol: 'TCP' }],
    }),
  ],
  endpointSlices: [
    slice('ns1', 'svc1', [['p80', 80]], [{ ip: '10.180.0.1', node: 'other' }]),
    slice('ns2', 'svc2', [['p80', 80]], [{ ip: '10.180.0.2', node: 'other' }]),
    slice(
      'ns3',
      'svc3',
      [['p80', 80]],
      [
        { ip: '10.180.0.3', node: 'test-node' },
        { ip: '10.180.0.4', node: 'other' },
        { ip: '10.180.0.5', node: 'other' },
      ],
    ),
    slice('ns7', 'local', [['', 80]], [{ ip: '10.180.0.9', node: 'other' }]),
  ],
};
