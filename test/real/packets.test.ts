/** Real packets through the rules that klab loads: what a client of each Service really meets. */
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KubeObject } from '../../src/apimachinery/index.ts';
import { wallClock } from '../../src/base/index.ts';
import { kernelHost, NodeProxy, type ProxyConfig, type ProxyMode } from '../../src/proxy/index.ts';
import { PacketLab } from '../helpers/packet-lab.ts';
import { canMakeNamespaces, missing } from '../helpers/real.ts';
import { service, slice } from '../proxy/objects.ts';

const programs = ['iptables-nft', 'iptables-legacy', 'nft', 'conntrack', 'nsenter', 'ip'];
const able = missing(...programs).length === 0 && canMakeNamespaces();
const hasPtp = existsSync('/usr/lib/cni/ptp');
if (!hasPtp && process.env['CI'] === 'true') throw new Error('missing in CI: containernetworking-plugins');
if (!hasPtp) console.warn('skipped, not installed: containernetworking-plugins');

const http: [string, number, string][] = [['', 8080, 'TCP']];
const dns: [string, number, string][] = [['', 5353, 'UDP']];
const tcp80 = { port: 80, protocol: 'TCP' };
const services: readonly KubeObject[] = [
  service('lab', 'web', { type: 'NodePort', clusterIP: '10.96.0.10', ports: [{ ...tcp80, nodePort: 30080 }] }),
  service('lab', 'local', {
    type: 'NodePort',
    clusterIP: '10.96.0.11',
    externalTrafficPolicy: 'Local',
    ports: [{ ...tcp80, nodePort: 30081 }],
  }),
  service('lab', 'sticky', { clusterIP: '10.96.0.12', sessionAffinity: 'ClientIP', ports: [tcp80] }),
  service('lab', 'dns', { clusterIP: '10.96.0.13', ports: [{ port: 53, protocol: 'UDP' }] }),
  service('lab', 'gone', { clusterIP: '10.96.0.14', ports: [tcp80, { port: 53, protocol: 'UDP', name: 'u' }] }),
  service(
    'lab',
    'open',
    { type: 'LoadBalancer', clusterIP: '10.96.0.15', loadBalancerSourceRanges: ['192.168.77.0/24'], ports: [tcp80] },
    { loadBalancer: { ingress: [{ ip: '192.168.78.1' }] } },
  ),
  service(
    'lab',
    'closed',
    { type: 'LoadBalancer', clusterIP: '10.96.0.16', loadBalancerSourceRanges: ['203.0.113.0/24'], ports: [tcp80] },
    { loadBalancer: { ingress: [{ ip: '192.168.78.2' }] } },
  ),
];

function newProxy(lab: PacketLab, mode: ProxyMode, backend: 'nft' | 'legacy' | undefined, place = 'node'): NodeProxy {
  const config: ProxyConfig = {
    node: { name: 'node', labels: {}, ips: ['192.168.77.1'] },
    family: 'IPv4',
    clusterCIDR: '10.244.0.0/16',
  };
  const host = kernelHost({ netns: lab.name(place) });
  const proxy = new NodeProxy({ mode, config, host, clock: wallClock, iptablesBackend: backend });
  for (const object of services) proxy.tracker.setService(object);
  const endpoints = ['p1', 'p2'].map((pod) => ({ ip: lab.ips[pod]!, node: 'node' }));
  for (const name of ['web', 'sticky', 'open', 'closed']) proxy.tracker.setSlice(slice('lab', name, http, endpoints));
  proxy.tracker.setSlice(slice('lab', 'local', http, endpoints.slice(0, 1)));
  proxy.tracker.setSlice(slice('lab', 'dns', dns, endpoints));
  return proxy;
}

/** How many answers each pod gave; anything but an answer is an error. */
function byPod(answers: Record<string, number>): Record<string, number> {
  const counts: Record<string, number> = { p1: 0, p2: 0 };
  for (const [answer, count] of Object.entries(answers)) {
    const pod = answer.split(' ')[0]!;
    if (!(pod in counts)) throw new Error(`unexpected answer: ${JSON.stringify(answers)}`);
    counts[pod]! += count;
  }
  return counts;
}

const clientsSeen = (answers: Record<string, number>) => [
  ...new Set(Object.keys(answers).map((key) => key.split(' ')[1])),
];

/** Both pods, within four standard deviations of half. */
function expectEven(counts: Record<string, number>, total: number): void {
  expect(counts['p1']! + counts['p2']!).toBe(total);
  expect(Math.abs(counts['p1']! - total / 2)).toBeLessThanOrEqual(4 * Math.sqrt(total / 4));
}

const setups = [
  ['iptables', 'nft', 'bridge'],
  ['iptables', 'legacy', 'bridge'],
  ['nftables', undefined, 'bridge'],
  ['iptables', 'nft', 'ptp'],
  ['nftables', undefined, 'ptp'],
] as const satisfies readonly (readonly [ProxyMode, 'nft' | 'legacy' | undefined, 'bridge' | 'ptp'])[];

setups.forEach(([mode, backend, network], index) => {
  const title = `${mode}${backend ? ` (iptables-${backend})` : ''}, pods on ${network}`;
  describe.skipIf(!able || (network === 'ptp' && !hasPtp))(title, () => {
    let lab: PacketLab;
    let proxy: NodeProxy;
    const gateway = () => (network === 'bridge' ? '10.244.0.1' : undefined);

    beforeAll(async () => {
      lab = await PacketLab.start(`a${index}`, network);
      proxy = newProxy(lab, mode, backend);
      await proxy.sync();
    });
    afterAll(() => lab?.[Symbol.asyncDispose]());

    test('a cluster IP spreads a pod’s connections evenly, and the pods see who asks', () => {
      const answers = lab.ask('p3', 'tcp', '10.96.0.10', 80, 400);
      expectEven(byPod(answers), 400);
      expect(clientsSeen(answers)).toEqual([lab.ips['p3']]);
    });

    test('client affinity keeps a client at one pod', () => {
      const counts = byPod(lab.ask('p3', 'tcp', '10.96.0.12', 80, 40));
      expect(Object.values(counts).sort((a, b) => a - b)).toEqual([0, 40]);
    });

    test('a pod reaches itself through its Service, from the node’s address', () => {
      const answers = lab.ask('p1', 'tcp', '10.96.0.10', 80, 60);
      const counts = byPod(answers);
      expect(Math.min(...Object.values(counts))).toBeGreaterThan(0);
      const own = Object.keys(answers).filter((answer) => answer.startsWith('p1 '));
      expect(own).toHaveLength(1);
      expect(own[0]).not.toBe(`p1 ${lab.ips['p1']}`);
      if (gateway()) expect(own[0]).toBe(`p1 ${gateway()}`);
    });

    test('the node itself reaches a cluster IP', () => {
      expect(Math.min(...Object.values(byPod(lab.ask('node', 'tcp', '10.96.0.10', 80, 60))))).toBeGreaterThan(0);
    });

    test('a node port answers those outside, who are masqueraded, and pods', () => {
      const answers = lab.ask('ext', 'tcp', '192.168.77.1', 30080, 400);
      expectEven(byPod(answers), 400);
      expect(clientsSeen(answers)).not.toContain('192.168.77.2');
      expect(Object.values(byPod(lab.ask('p3', 'tcp', '192.168.77.1', 30080, 20))).reduce((a, b) => a + b)).toBe(20);
    });

    test('a node port on 127.0.0.1 answers in iptables mode and is refused in nftables mode', () => {
      const answers = lab.ask('node', 'tcp', '127.0.0.1', 30080, 2);
      if (mode === 'nftables') expect(answers).toEqual({ ECONNREFUSED: 2 });
      else expect(Object.values(byPod(answers)).reduce((a, b) => a + b)).toBe(2);
    });

    test('externalTrafficPolicy Local shows the pod who asks from outside', () => {
      expect(lab.ask('ext', 'tcp', '192.168.77.1', 30081, 20)).toEqual({ 'p1 192.168.77.2': 20 });
    });

    test('a load balancer address lets its source ranges in and drops the others', () => {
      expect(Object.values(byPod(lab.ask('ext', 'tcp', '192.168.78.1', 80, 20))).reduce((a, b) => a + b)).toBe(20);
      expect(lab.ask('ext', 'tcp', '192.168.78.2', 80, 2)).toEqual({ timeout: 2 });
      expect(Object.values(byPod(lab.ask('p3', 'tcp', '10.96.0.16', 80, 4))).reduce((a, b) => a + b)).toBe(4);
    });

    test('a Service without endpoints refuses, over TCP and UDP', () => {
      expect(lab.ask('p3', 'tcp', '10.96.0.14', 80, 4)).toEqual({ ECONNREFUSED: 4 });
      expect(lab.ask('p3', 'udp', '10.96.0.14', 53, 2)).toEqual({ ECONNREFUSED: 2 });
    });

    test('UDP is spread over the pods; a flow to an endpoint that went is cut and finds another', async () => {
      expectEven(byPod(lab.ask('p3', 'udp', '10.96.0.13', 53, 400)), 400);
      const [first] = Object.keys(lab.ask('p3', 'udp', '10.96.0.13', 53, 1, 40_000));
      const [pod = ''] = first!.split(' ');
      const other = pod === 'p1' ? 'p2' : 'p1';
      // The same flow stays where it was.
      expect(Object.keys(byPod(lab.ask('p3', 'udp', '10.96.0.13', 53, 1, 40_000))).length).toBeGreaterThan(0);
      expect(byPod(lab.ask('p3', 'udp', '10.96.0.13', 53, 1, 40_000))[pod]).toBe(1);
      proxy.tracker.setSlice(slice('lab', 'dns', dns, [{ ip: lab.ips[other]!, node: 'node' }]));
      const report = await proxy.sync();
      expect(report).toMatchObject({ kind: 'partial', changed: 1 });
      expect(report.staleFlows).toBeGreaterThan(0);
      expect(byPod(lab.ask('p3', 'udp', '10.96.0.13', 53, 1, 40_000))[other]).toBe(1);
    });

    test('an endpoint that goes gets no new connections; one that comes gets its share', async () => {
      const to = (...pods: string[]) =>
        slice(
          'lab',
          'web',
          http,
          pods.map((pod) => ({ ip: lab.ips[pod]!, node: 'node' })),
        );
      proxy.tracker.setSlice(to('p2'));
      expect((await proxy.sync()).bytes).toBeLessThan(3000);
      expect(byPod(lab.ask('p3', 'tcp', '10.96.0.10', 80, 40))).toEqual({ p1: 0, p2: 40 });
      proxy.tracker.setSlice(to('p1', 'p2'));
      await proxy.sync();
      expectEven(byPod(lab.ask('p3', 'tcp', '10.96.0.10', 80, 400)), 400);
    });
  });
});
