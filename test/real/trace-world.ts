/**
 * The cluster that tracer and kernel are asked about: node n1 is a namespace with rules; its pods are namespaces behind it;
 * n2 with its pods, clients outside and the rest of the world are one namespace across a link.
 */
import type { KubeObject } from '../../src/apimachinery/index.ts';
import type { IpFamily } from '../../src/net/index.ts';
import type { ProxyConfig, TraceInput } from '../../src/proxy/index.ts';
import { type EndpointSpec, service, slice } from '../proxy/objects.ts';
import { pod } from '../proxy/trace/objects.ts';

const four = {
  n1: '192.168.0.11',
  n2: '192.168.0.12',
  gateway: '10.244.1.1',
  client: '10.244.1.9',
  /** Addresses that the client's namespace may send from: many pods of n1 in one. */
  clients: '10.244.1.128/25',
  clientAt: (i: number) => `10.244.1.${128 + i}`,
  web1: '10.244.1.2',
  web2: '10.244.1.3',
  far1: '10.244.2.2',
  far2: '10.244.2.3',
  n1Pods: '10.244.1.0/24',
  n2Pods: '10.244.2.0/24',
  outside: '203.0.113.0/24',
  outsideAt: (i: number) => `203.0.113.${i}`,
  stranger: '192.0.2.7',
  world: '198.18.0.1',
  vips: '198.51.100.0/24',
  vip: (i: number) => `198.51.100.${i}`,
  cluster: (i: number) => `10.96.0.${i}`,
  serviceCIDR: '10.96.0.0/12',
  clusterCIDR: '10.244.0.0/16',
  any: '0.0.0.0/0',
  loopback: '127.0.0.1',
};

const six: typeof four = {
  n1: 'fd00:192::11',
  n2: 'fd00:192::12',
  gateway: 'fd00:244:1::1',
  client: 'fd00:244:1::9',
  clients: 'fd00:244:1::80/121',
  clientAt: (i) => `fd00:244:1::${(128 + i).toString(16)}`,
  web1: 'fd00:244:1::2',
  web2: 'fd00:244:1::3',
  far1: 'fd00:244:2::2',
  far2: 'fd00:244:2::3',
  n1Pods: 'fd00:244:1::/64',
  n2Pods: 'fd00:244:2::/64',
  outside: 'fd00:203::/64',
  outsideAt: (i) => `fd00:203::${i.toString(16)}`,
  stranger: 'fd00:bad::7',
  world: 'fd00:198::1',
  vips: 'fd00:51::/64',
  vip: (i) => `fd00:51::${i.toString(16)}`,
  cluster: (i) => `fd00:96::${i.toString(16)}`,
  serviceCIDR: 'fd00:96::/108',
  clusterCIDR: 'fd00:244::/32',
  any: '::/0',
  loopback: '::1',
};

export const addressesOf = (family: IpFamily): typeof four => (family === 'IPv4' ? four : six);

/** What pods listen on; the node itself listens on every node port, to catch what no rule takes. */
export const targetPort = 8080;
export const dnsPort = 5353;
export const nodePorts = [30_013, 30_014, 30_015, 30_016, 30_017, 30_018, 30_019, 30_053, 9999];

export function traceWorld(family: IpFamily): TraceInput {
  const a = addressesOf(family);
  const node = (name: string, ip: string, podCIDR: string, zone: string): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'topology.kubernetes.io/zone': zone } },
    spec: { podCIDR, podCIDRs: [podCIDR] },
    status: { addresses: [{ type: 'InternalIP', address: ip }] },
  });
  const services: KubeObject[] = [];
  const endpointSlices: KubeObject[] = [];
  let number = 9;
  /** One Service a line; its cluster IP is the next free one. */
  const add = (
    name: string,
    spec: Record<string, unknown>,
    endpoints: readonly EndpointSpec[],
    { nodePort, vip, udp }: { nodePort?: number; vip?: number; udp?: boolean } = {},
  ) => {
    const protocol = udp ? 'UDP' : 'TCP';
    const port = { port: udp ? 53 : 80, protocol, ...(nodePort === undefined ? {} : { nodePort }) };
    const status = vip === undefined ? {} : { loadBalancer: { ingress: [{ ip: a.vip(vip) }] } };
    services.push(service('shop', name, { clusterIP: a.cluster(++number), ports: [port], ...spec }, status));
    const made = slice('shop', name, [['', udp ? dnsPort : targetPort, protocol]], [...endpoints]);
    endpointSlices.push({ ...made, addressType: family });
  };
  const web1 = { ip: a.web1, node: 'n1' };
  const web2 = { ip: a.web2, node: 'n1' };
  const far1 = { ip: a.far1, node: 'n2' };
  const far2 = { ip: a.far2, node: 'n2' };
  const affinity = { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 600 } } };
  const gone = { ready: false, serving: true, terminating: true };

  add('web', {}, [web1, web2, far1]); // .10
  add('sticky', affinity, [web1, web2, far1]); // .11
  add('near', { internalTrafficPolicy: 'Local' }, [web1, far1]); // .12
  add('empty', { type: 'NodePort' }, [{ ...web1, ready: false }], { nodePort: 30_013 }); // .13
  add('door', { type: 'NodePort' }, [web1, far1], { nodePort: 30_014 }); // .14
  const ranges = { loadBalancerSourceRanges: [a.outside] };
  const balanced = { type: 'LoadBalancer' };
  const local = { externalTrafficPolicy: 'Local' };
  add('front', { ...balanced, ...ranges }, [web1, far1], { nodePort: 30_015, vip: 5 }); // .15
  add('keep', { ...balanced, ...local }, [web2, far1], { nodePort: 30_016, vip: 6 }); // .16
  add('away', { ...balanced, ...local }, [far1, far2], { nodePort: 30_017, vip: 7 }); // .17
  add('zoned', {}, [
    { ...web1, zones: ['a'] },
    { ...far1, zones: ['b'] },
  ]); // .18
  add('leaving', {}, [
    { ...web1, ...gone },
    { ...far1, ...gone, serving: false },
  ]); // .19
  add('mixed', {}, [web2, { ...far1, ...gone }]); // .20
  add('named', { externalIPs: [a.vip(9)] }, [web1, far2]); // .21
  add('nowhere', { externalIPs: [a.vip(10)], internalTrafficPolicy: 'Local' }, [far1]); // .22
  add('names', {}, [web1, far1], { udp: true }); // .23
  add('names-door', { type: 'NodePort' }, [web2], { udp: true, nodePort: 30_053 }); // .24
  add('names-gone', {}, [], { udp: true }); // .25
  add('door-sticky', { type: 'NodePort', ...affinity }, [web1, far1], { nodePort: 30_018 }); // .26
  add('self', { ...balanced, loadBalancerSourceRanges: [`${a.n1}/${family === 'IPv4' ? 32 : 128}`] }, [web1], {
    vip: 8,
    nodePort: 30_019,
  }); // .27
  add('one', {}, [web1]); // .28
  return {
    services,
    endpointSlices,
    nodes: [node('n1', a.n1, a.n1Pods, 'a'), node('n2', a.n2, a.n2Pods, 'b')],
    pods: [
      pod('client', a.client, 'n1'),
      pod('web-1', a.web1, 'n1'),
      pod('web-2', a.web2, 'n1'),
      pod('far-1', a.far1, 'n2'),
      pod('far-2', a.far2, 'n2'),
    ],
  };
}

export function labConfig(family: IpFamily): Omit<ProxyConfig, 'node'> {
  const { clusterCIDR, serviceCIDR } = addressesOf(family);
  return { family, clusterCIDR, serviceCIDRs: [serviceCIDR] };
}

export type Sender = 'client' | 'web1' | 'node' | 'outside';

export interface Flow {
  readonly what: string;
  readonly by: Sender;
  /** Absent: as routes say. */
  readonly from?: string;
  readonly to: string;
  readonly port: number;
  readonly udp?: boolean;
  /** The same client comes again: it must be sent where it was before. */
  readonly again?: boolean;
}

/** Every feature from everywhere it can be asked from. */
export function flowsOf(family: IpFamily): Flow[] {
  const a = addressesOf(family);
  const ip = a.cluster;
  const flows: Flow[] = [];
  const pod = (what: string, to: string, port: number, more: Partial<Flow> = {}) =>
    flows.push({ what, by: 'client', from: a.client, to, port, ...more });
  const node = (what: string, to: string, port: number, more: Partial<Flow> = {}) =>
    flows.push({ what, by: 'node', to, port, ...more });
  const outside = (what: string, to: string, port: number, more: Partial<Flow> = {}) =>
    flows.push({ what, by: 'outside', from: a.outsideAt(7), to, port, ...more });

  pod('cluster IP', ip(10), 80);
  pod('cluster IP, one endpoint', ip(28), 80);
  pod('hairpin among others', ip(10), 80, { by: 'web1', from: a.web1 });
  pod('hairpin to itself only', ip(28), 80, { by: 'web1', from: a.web1 });
  node('cluster IP from the node', ip(10), 80);
  outside('cluster IP from outside', ip(10), 80);
  pod('affinity, a new client each time', ip(11), 80, { from: undefined });
  pod('affinity, the same client', ip(11), 80, { again: true });
  node('affinity from the node, again', ip(11), 80, { again: true });
  pod('affinity, hairpin, again', ip(11), 80, { by: 'web1', from: a.web1, again: true });
  pod('internal policy Local', ip(12), 80);
  node('internal policy Local from the node', ip(12), 80);
  pod('internal policy Local, no endpoint here', ip(22), 80);
  pod('no endpoints', ip(13), 80);
  node('no endpoints, from the node', ip(13), 80);
  outside('no endpoints, node port', a.n1, 30_013);
  pod('no endpoints, node port from a pod', a.n1, 30_013);
  outside('node port', a.n1, 30_014);
  pod('node port from a pod', a.n1, 30_014);
  pod('node port by the other address of the node', a.gateway, 30_014);
  node('node port from the node', a.n1, 30_014);
  node('node port on the loopback address', a.loopback, 30_014, { from: a.loopback });
  outside('node port, affinity, again', a.n1, 30_018, { from: a.outsideAt(20), again: true });
  pod('cluster IP of a node port Service', ip(14), 80);
  outside('load balancer, source in range', a.vip(5), 80);
  outside('load balancer, source out of range', a.vip(5), 80, { from: a.stranger });
  pod('load balancer from a pod out of range', a.vip(5), 80);
  node('load balancer from a node out of range', a.vip(5), 80);
  node('load balancer from a node in range', a.vip(8), 80);
  outside('load balancer, only the node in range', a.vip(8), 80);
  outside('its node port, source out of range', a.n1, 30_015, { from: a.stranger });
  outside('load balancer, a port it does not have', a.vip(5), 81);
  outside('external policy Local, load balancer', a.vip(6), 80);
  outside('external policy Local, node port', a.n1, 30_016);
  pod('external policy Local, from a pod', a.vip(6), 80);
  node('external policy Local, from the node', a.vip(6), 80);
  pod('external policy Local, its cluster IP', ip(16), 80);
  outside('external policy Local, no endpoint here', a.vip(7), 80);
  outside('external policy Local, node port, no endpoint here', a.n1, 30_017);
  pod('external policy Local, no endpoint here, from a pod', a.vip(7), 80);
  node('external policy Local, no endpoint here, from the node', a.vip(7), 80);
  pod('zone hints', ip(18), 80);
  pod('terminating endpoints only', ip(19), 80);
  pod('a terminating endpoint beside a ready one', ip(20), 80);
  outside('external IP', a.vip(9), 80);
  pod('external IP from a pod', a.vip(9), 80);
  node('external IP from the node', a.vip(9), 80);
  pod('external IP, a port it does not have', a.vip(9), 81);
  outside('external IP beside internal policy Local', a.vip(10), 80);
  pod('a port the Service does not have', ip(10), 81);
  node('a port the Service does not have, from the node', ip(10), 81);
  pod('TCP to a UDP Service', ip(23), 53);
  pod('an address that no Service has', ip(200), 80);
  pod('UDP', ip(23), 53, { udp: true });
  node('UDP from the node', ip(23), 53, { udp: true });
  outside('UDP node port', a.n1, 30_053, { udp: true });
  pod('UDP without endpoints', ip(25), 53, { udp: true });
  pod('another node’s pod, no Service', a.far1, targetPort);
  pod('the world outside', a.world, 443);
  pod('a port of the node that is no node port', a.n1, 9999);
  outside('a pod itself from outside', a.web1, targetPort);
  return flows;
}
