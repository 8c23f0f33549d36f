/** The Corefile of ConfigMap kube-system/coredns: followed live, and never the end of DNS. */
import { Resolver } from 'node:dns/promises';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type Cluster, createCluster } from '../../src/cluster/create-cluster.ts';
import { readPorts } from '../../src/cluster/remembered-ports.ts';

let dir: string;
let cluster: Cluster;
let resolver: Resolver;
const maps = () => cluster.client.resource('configmaps').namespace('kube-system');
const pods = () => cluster.client.resource('pods').namespace('kube-system');
const dnsPods = () => pods().list({ labelSelector: 'k8s-app=kube-dns' });
const put = (Corefile: string, more: Record<string, string> = {}) =>
  maps().patch('coredns', 'merge', { data: { Corefile, ...more } });
const waitFor = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 10_000, interval: 20 });

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'klab-corefile-'));
  cluster = await createCluster({
    dir,
    dns: true,
    systemPods: true,
    nodes: 1,
    api: false,
    etcd: false,
    seed: 'corefile',
  });
  const port = await vi.waitFor(() => readPorts(dir, 'dns', process.pid)!.port, { timeout: 10_000, interval: 20 });
  expect(port).toBeGreaterThan(0);
  resolver = new Resolver({ timeout: 2000, tries: 1 });
  resolver.setServers([`127.0.0.1:${port}`]);
  // A pod that starts reads the Corefile as it is then: none may do so in the middle of a test.
  await waitFor(async () => {
    const { items } = await dnsPods();
    expect(items.map((pod: any) => pod.status.containerStatuses?.[0]?.ready)).toEqual([true, true]);
  });
}, 30_000);
afterAll(async () => {
  await cluster?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const base = (more: string) =>
  `.:53 {\n  errors\n  ready\n  health\n  kubernetes cluster.local in-addr.arpa ip6.arpa {\n    pods insecure\n    ttl 30\n  }\n${more}  reload\n}\n`;

it('a change counts at once, other keys are files, and simulated pods see it too', async () => {
  const text = base(
    '  hosts /etc/coredns/office.hosts office.example {\n    fallthrough\n  }\n  rewrite name api.example kubernetes.default.svc.cluster.local\n  import extra/*.override\n',
  );
  await put(text, { 'office.hosts': '192.0.2.10 printer.office.example\n' });
  await waitFor(async () => expect(await resolver.resolve4('printer.office.example')).toEqual(['192.0.2.10']));
  expect(await resolver.resolve4('api.example')).toEqual(['10.96.0.1']);
  const peer = { ip: '10.244.0.9' };
  const { fabric } = cluster.nodes;
  expect(fabric.lookup('printer.office.example', [], 1, peer)?.ips).toEqual(['192.0.2.10']);
  expect(fabric.lookup('api.example', [], 1, peer, ['10.96.0.10'])?.ips).toEqual(['10.96.0.1']);
  expect(fabric.lookup('api.example', [], 1, peer, ['192.0.2.53'])).toBeUndefined();
});

it('an error keeps the last good one, and is told with its place', async () => {
  await put(base('  hots {\n  }\n'));
  const problem = "Corefile:9:3 - Error during parsing: Unknown directive 'hots'";
  await waitFor(async () => {
    const { items } = await cluster.client.resource('events').namespace('kube-system').list();
    expect(
      items.filter((event: any) => event.involvedObject.name === 'coredns').map((event: any) => event.message),
    ).toContain(`${problem}; the Corefile before it stays in use`);
  });
  expect(await resolver.resolve4('printer.office.example')).toEqual(['192.0.2.10']);
});

it('a server that forwards to itself stops, and the ConfigMap is told', async () => {
  const { port } = readPorts(dir, 'dns', process.pid)!;
  await put(base(`  loop\n  forward . 127.0.0.1:${port}\n`));
  await waitFor(async () => {
    await expect(resolver.resolve4('www.example.com')).rejects.toMatchObject({ code: 'ESERVFAIL' });
    const { items } = await cluster.client.resource('events').namespace('kube-system').list();
    const told = items.filter((event: any) => event.reason === 'CorefileLoop').map((event: any) => event.message);
    expect(told).toEqual([
      expect.stringMatching(/^plugin\/loop: Loop \(127\.0\.0\.1:\d+ -> :53\) detected for zone "\."/),
    ]);
  });
  expect(await resolver.resolve4('kubernetes.default.svc.cluster.local')).toEqual(['10.96.0.1']);
});

it('without reload a change waits for the pods', async () => {
  // What the test before left answers failures too: only a name of its own shows that this one is in use.
  await put(base('  hosts {\n    192.0.2.30 early.example\n  }\n').replace('  reload\n', ''));
  await waitFor(async () => expect(await resolver.resolve4('early.example')).toEqual(['192.0.2.30']));
  await put(base('  hosts {\n    192.0.2.20 late.example\n  }\n'));
  const late = () => resolver.resolve4('late.example').catch((error) => error.code);
  expect(await late()).toMatch(/^E/);
  for (const pod of (await dnsPods()).items) await pods().delete(pod.metadata.name!);
  await waitFor(async () => expect(await late()).toEqual(['192.0.2.20']));
});
