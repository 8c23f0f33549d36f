/** Real IPv6 packets through the rules that klab loads: as packets.test.ts, with ip6tables and table ip6 kube-proxy. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KubeObject } from '../../src/apimachinery/index.ts';
import { wallClock } from '../../src/base/index.ts';
import { kernelHost, NodeProxy, type ProxyConfig, type ProxyMode } from '../../src/proxy/index.ts';
import { PacketLab } from '../helpers/packet-lab.ts';
import { canMakeNamespaces, missing } from '../helpers/real.ts';
import { service, slice } from '../proxy/objects.ts';

const programs = ['ip6tables-nft', 'ip6tables-legacy', 'nft', 'conntrack', 'nsenter', 'ip'];
const able = missing(...programs).length === 0 && canMakeNamespaces();

const pods = { p1: 'fd00:10:244::2', p2: 'fd00:10:244::3', p3: 'fd00:10:244::4' };
const gateway = 'fd00:10:244::1';
const node = 'fd00:77::1';
const outside = 'fd00:77::2';
const cluster = (last: number) => `fd00:96::${last}`;
const tcp80 = { port: 80, protocol: 'TCP' };
const balanced = (name: string, last: number, range: string, vip: string): KubeObject =>
  service(
    'lab',
    name,
    { type: 'LoadBalancer', clusterIP: cluster(last), loadBalancerSourceRanges: [range], ports: [tcp80] },
    { loadBalancer: { ingress: [{ ip: vip }] } },
  );

const services: readonly KubeObject[] = [
  service('lab', 'web', { type: 'NodePort', clusterIP: cluster(10), ports: [{ ...tcp80, nodePort: 30_080 }] }),
  service('lab', 'local', {
    type: 'NodePort',
    clusterIP: cluster(11),
    externalTrafficPolicy: 'Local',
    ports: [{ ...tcp80, nodePort: 30_081 }],
  }),
  service('lab', 'sticky', { clusterIP: cluster(12), sessionAffinity: 'ClientIP', ports: [tcp80] }),
  service('lab', 'dns', { clusterIP: cluster(13), ports: [{ port: 53, protocol: 'UDP' }] }),
  service('lab', 'gone', { clusterIP: cluster(14), ports: [tcp80, { port: 53, protocol: 'UDP', name: 'u' }] }),
  balanced('open', 15, 'fd00:77::/64', 'fd00:78::1'),
  balanced('closed', 16, '2001:db8::/64', 'fd00:78::2'),
];

const endpoints = (name: string, port: [string, number, string], ...ips: readonly string[]): KubeObject => ({
  ...slice(
    'lab',
    name,
    [port],
    ips.map((ip) => ({ ip, node: 'node' })),
  ),
  addressType: 'IPv6',
});
const http: [string, number, string] = ['', 8080, 'TCP'];
const dns: [string, number, string] = ['', 5353, 'UDP'];

function newProxy(lab: PacketLab, mode: ProxyMode, backend: 'nft' | 'legacy' | undefined): NodeProxy {
  const config: ProxyConfig = {
    node: { name: 'node', labels: {}, ips: [node] },
    family: 'IPv6',
    clusterCIDR: 'fd00:10:244::/64',
  };
  const host = kernelHost({ netns: lab.name('node') });
  const proxy = new NodeProxy({ mode, config, host, clock: wallClock, iptablesBackend: backend });
  for (const object of services) proxy.tracker.setService(object);
  for (const name of ['web', 'sticky', 'open', 'closed'])
    proxy.tracker.setSlice(endpoints(name, http, pods.p1, pods.p2));
  proxy.tracker.setSlice(endpoints('local', http, pods.p1));
  proxy.tracker.setSlice(endpoints('dns', dns, pods.p1, pods.p2));
  return proxy;
}

/** How many answers each pod gave; anything but an answer is an error. */
function byPod(answers: Record<string, number>): { p1: number; p2: number } {
  const counts = { p1: 0, p2: 0 };
  for (const [answer, count] of Object.entries(answers)) {
    const pod = answer.split(' ')[0] as 'p1';
    if (!(pod in counts)) throw new Error(`unexpected answer: ${JSON.stringify(answers)}`);
    counts[pod] += count;
  }
  return counts;
}

const clientsSeen = (answers: Record<string, number>) => [
  ...new Set(Object.keys(answers).map((answer) => answer.split(' ')[1])),
];

/** Both pods, within four standard deviations of half. */
function expectEven({ p1, p2 }: { p1: number; p2: number }, total: number): void {
  expect(p1 + p2).toBe(total);
  expect(Math.abs(p1 - total / 2)).toBeLessThanOrEqual(4 * Math.sqrt(total / 4));
}

const setups = [
  ['iptables', 'nft'],
  ['iptables', 'legacy'],
  ['nftables', undefined],
] as const satisfies readonly (readonly [ProxyMode, 'nft' | 'legacy' | undefined])[];

setups.forEach(([mode, backend], index) => {
  describe.skipIf(!able)(`${mode}${backend ? ` (ip6tables-${backend})` : ''}`, () => {
    let lab: PacketLab;
    let proxy: NodeProxy;

    beforeAll(async () => {
      lab = await PacketLab.start(`six${index}`, 'bridge');
      lab.ip('ext', '-6 route add fd00:78::/64 via fd00:77::1');
      proxy = newProxy(lab, mode, backend);
      await proxy.sync();
    });
    afterAll(() => lab?.[Symbol.asyncDispose]());

    test('a cluster IP spreads a pod’s connections evenly, and the pods see who asks', () => {
      const answers = lab.ask('p3', 'tcp', cluster(10), 80, 400);
      expectEven(byPod(answers), 400);
      expect(clientsSeen(answers)).toEqual([pods.p3]);
    });

    test('client affinity keeps a client at one pod', () => {
      const counts = byPod(lab.ask('p3', 'tcp', cluster(12), 80, 40));
      expect(Object.values(counts).sort((a, b) => a - b)).toEqual([0, 40]);
    });

    test('a pod reaches itself through its Service, from the node’s address', () => {
      const answers = lab.ask('p1', 'tcp', cluster(10), 80, 60);
      byPod(answers);
      const own = Object.keys(answers).filter((answer) => answer.startsWith('p1 '));
      expect(own).toEqual([`p1 ${gateway}`]);
    });

    test('the node itself reaches a cluster IP', () => {
      const { p1, p2 } = byPod(lab.ask('node', 'tcp', cluster(10), 80, 60));
      expect(Math.min(p1, p2)).toBeGreaterThan(0);
    });

    test('a node port answers those outside, who are masqueraded, and pods', () => {
      const answers = lab.ask('ext', 'tcp', node, 30_080, 400);
      expectEven(byPod(answers), 400);
      expect(clientsSeen(answers)).not.toContain(outside);
      const { p1, p2 } = byPod(lab.ask('p3', 'tcp', node, 30_080, 20));
      expect(p1 + p2).toBe(20);
    });

    test('a node port on ::1 leads to no pod in any mode: there is no route_localnet for IPv6', () => {
      expect(Object.keys(byFailure(lab.ask('node', 'tcp', '::1', 30_080, 1)))).not.toContain('answer');
    });

    test('externalTrafficPolicy Local shows the pod who asks from outside', () => {
      expect(lab.ask('ext', 'tcp', node, 30_081, 20)).toEqual({ [`p1 ${outside}`]: 20 });
    });

    test('a load balancer address lets its source ranges in and drops the others', () => {
      const { p1, p2 } = byPod(lab.ask('ext', 'tcp', 'fd00:78::1', 80, 20));
      expect(p1 + p2).toBe(20);
      expect(lab.ask('ext', 'tcp', 'fd00:78::2', 80, 2)).toEqual({ timeout: 2 });
      byPod(lab.ask('p3', 'tcp', cluster(16), 80, 4));
    });

    test('a Service without endpoints refuses, over TCP and UDP', () => {
      expect(lab.ask('p3', 'tcp', cluster(14), 80, 4)).toEqual({ ECONNREFUSED: 4 });
      expect(lab.ask('p3', 'udp', cluster(14), 53, 2)).toEqual({ ECONNREFUSED: 2 });
    });

    test('UDP is spread over the pods; a flow to an endpoint that went is cut and finds another', async () => {
      expectEven(byPod(lab.ask('p3', 'udp', cluster(13), 53, 400)), 400);
      const before = byPod(lab.ask('p3', 'udp', cluster(13), 53, 1, 40_000));
      expect(byPod(lab.ask('p3', 'udp', cluster(13), 53, 1, 40_000))).toEqual(before);
      const other = before.p1 === 1 ? 'p2' : 'p1';
      proxy.tracker.setSlice(endpoints('dns', dns, pods[other]));
      const report = await proxy.sync();
      expect(report).toMatchObject({ kind: 'partial', changed: 1 });
      expect(report.staleFlows).toBeGreaterThan(0);
      expect(byPod(lab.ask('p3', 'udp', cluster(13), 53, 1, 40_000))[other]).toBe(1);
    });

    test('an endpoint that goes gets no new connections', async () => {
      proxy.tracker.setSlice(endpoints('web', http, pods.p2));
      await proxy.sync();
      expect(byPod(lab.ask('p3', 'tcp', cluster(10), 80, 40))).toEqual({ p1: 0, p2: 40 });
    });
  });
});

/** `answer` for pods' answers, else what the client met. */
const byFailure = (answers: Record<string, number>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(answers).map(([answer, count]) => [/^p\d /.test(answer) ? 'answer' : answer, count]),
  );
