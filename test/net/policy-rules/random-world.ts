/** Random policies, pods and connections, drawn so that much of what can meet does meet. */
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '../../../src/api/index.ts';
import type { Prng } from '../../../src/base/index.ts';
import { canonicalIp, type PolicyEnd, type PolicyPod, type PolicyWorld } from '../../../src/net/index.ts';

export const nodes = [
  { name: 'n1', ips: ['192.168.0.1', 'fd00:1::1'] },
  { name: 'n2', ips: ['192.168.0.2', 'fd00:1::2'] },
];
const outsiders = ['10.244.9.9', '203.0.113.7', '203.0.113.200', 'fd00:9::9', '2001:db8::7'];
const namespaceLabels: Record<string, Record<string, string>> = {
  a: { team: 'red' },
  b: { team: 'blue', stage: 'prod' },
  c: {},
};
const ports = [80, 81, 443, 8000, 8050, 8100, 53];
const protocols = ['TCP', 'UDP', 'SCTP'] as const;
const cidrs = ['0.0.0.0/0', '10.244.0.0/16', '10.244.1.0/24', '203.0.113.0/24', '192.168.0.0/16', '192.168.0.2/32'];
const cidrs6 = ['::/0', 'fd00:10::/32', 'fd00:10:1::/64', '2001:db8::/32', 'fd00:1::/64'];
const holes = [
  '10.244.1.0/25',
  '10.244.1.2/32',
  '203.0.113.128/25',
  '203.0.113.192/26',
  '192.168.0.1/32',
  'fd00:10:1::/80',
];

const maybe = <T>(prng: Prng, odds: number, make: () => T): T[] => (prng.float() < odds ? [make()] : []);
const some = <T>(prng: Prng, most: number, make: () => T): T[] => Array.from({ length: prng.int(most + 1) }, make);

function selector(prng: Prng) {
  const kind = prng.int(4);
  if (kind === 0) return {};
  if (kind === 1) return { matchLabels: { app: prng.pick(['x', 'y', 'z']) } };
  if (kind === 2) return { matchExpressions: [{ key: 'tier', operator: prng.pick(['Exists', 'DoesNotExist']) }] };
  return { matchExpressions: [{ key: 'app', operator: prng.pick(['In', 'NotIn']), values: ['x', 'y'] }] };
}

function namespaceSelector(prng: Prng) {
  return prng.pick([{}, { matchLabels: { team: 'red' } }, { matchLabels: { team: 'blue', stage: 'prod' } }]);
}

function peer(prng: Prng): NetworkPolicyPeer {
  if (prng.int(3) === 0) {
    const cidr = prng.pick([...cidrs, ...cidrs6]);
    const except = some(prng, 3, () => prng.pick(holes));
    return { ipBlock: { cidr, ...(except.length > 0 ? { except } : {}) } };
  }
  const spaces = maybe(prng, 0.6, () => namespaceSelector(prng))[0];
  const pods = spaces && prng.int(2) === 0 ? undefined : selector(prng);
  return { ...(spaces && { namespaceSelector: spaces }), ...(pods && { podSelector: pods }) } as NetworkPolicyPeer;
}

function port(prng: Prng): NetworkPolicyPort {
  const protocol = prng.int(3) === 0 ? {} : { protocol: prng.pick(protocols) };
  const kind = prng.int(5);
  if (kind === 0) return protocol;
  if (kind === 1) return { ...protocol, port: prng.pick(['web', 'dns', 'none']) };
  if (kind === 2) return { ...protocol, port: prng.pick([79, 8000, 8040]), endPort: prng.pick([80, 8049, 8100]) };
  return { ...protocol, port: prng.pick(ports) };
}

function policy(prng: Prng, i: number): NetworkPolicy {
  const types = prng.pick([undefined, ['Ingress'], ['Egress'], ['Ingress', 'Egress']]);
  const rule = (side: 'from' | 'to') => {
    const peers = some(prng, 3, () => peer(prng));
    const list = some(prng, 3, () => port(prng));
    return { ...(peers.length > 0 && { [side]: peers }), ...(list.length > 0 && { ports: list }) };
  };
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { namespace: prng.pick(['a', 'a', 'b', 'c']), name: `p${i}` },
    spec: {
      podSelector: selector(prng),
      ...(types && { policyTypes: types }),
      ingress: some(prng, 2, () => rule('from')),
      egress: some(prng, 2, () => rule('to')),
    },
  } as NetworkPolicy;
}

export function randomWorld(prng: Prng): PolicyWorld {
  const pods: PolicyPod[] = Array.from({ length: 7 }, (_, i) => {
    const node = i % 2;
    const ips = [`10.244.${node}.${i + 1}`, ...(prng.int(3) > 0 ? [canonicalIp(`fd00:10:${node}::${i + 1}`)] : [])];
    return {
      namespace: prng.pick(['a', 'a', 'b', 'c']),
      name: `pod-${i}`,
      labels: {
        ...(prng.int(4) > 0 && { app: prng.pick(['x', 'y', 'z']) }),
        ...(prng.int(2) > 0 && { tier: 'back' }),
      },
      ips,
      namedPorts: [
        ...maybe(prng, 0.7, () => ({ name: 'web', port: prng.pick([80, 8050]), protocol: prng.pick(protocols) })),
        ...maybe(prng, 0.4, () => ({ name: 'dns', port: 53, protocol: 'UDP' })),
      ],
      node: nodes[node]!.name,
    };
  });
  const policies = Array.from({ length: 1 + prng.int(4) }, (_, i) => policy(prng, i));
  return { pods, policies, namespaceLabels: (name) => namespaceLabels[name] ?? {} };
}

const six = (ip: string): boolean => ip.includes(':');

const endOf = ({ namespace, name, labels, namedPorts, node }: PolicyPod, ip: string): PolicyEnd => ({
  ip,
  pod: { namespace, name, labels, namedPorts, ...(node === undefined ? {} : { node }) },
});

export function randomConnection(prng: Prng, { pods }: PolicyWorld) {
  const wanted = prng.int(3) === 0;
  const end = (): PolicyEnd => {
    const kind = prng.int(8);
    if (kind === 0) {
      const node = prng.pick(nodes);
      return { ip: node.ips.find((ip) => six(ip) === wanted)!, node: node.name };
    }
    if (kind === 1) return { ip: prng.pick(outsiders.filter((ip) => six(ip) === wanted)) };
    const able = pods.flatMap((pod) => pod.ips.filter((ip) => six(ip) === wanted).map((ip) => endOf(pod, ip)));
    return able.length === 0 ? { ip: outsiders.find((ip) => six(ip) === wanted)! } : prng.pick(able);
  };
  return { from: end(), to: end(), port: prng.pick(ports), protocol: prng.pick(protocols) };
}
