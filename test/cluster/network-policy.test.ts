/** NetworkPolicies in the simulated pod network: what pods and probes reach. */
import { afterEach, expect, it } from 'vitest';
import type { Cluster } from '../../src/cluster/create-cluster.ts';
import { pods, quietCluster, readyPods, until } from './lab.ts';

let cluster: Cluster;
afterEach(() => cluster.stop());

function pod(name: string): any {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: {
      containers: [
        {
          name: 'main',
          image: 'nginx:1.29',
          ports: [{ name: 'http', containerPort: 80 }],
          readinessProbe: { httpGet: { path: '/', port: 80 }, periodSeconds: 1 },
        },
      ],
    },
  };
}

const podNamed = (name: string) => cluster.server.reader.get('pods', 'default', name) as any;

/** What one pod gets from another's address, or from a Service's: a status, or why not. */
async function ask(from: string, ip: string): Promise<number | string> {
  const sender = podNamed(from);
  const peer = { ip: sender.status.podIP, node: sender.spec.nodeName, namespace: 'default', pod: from };
  const asked = cluster.nodes.fabric.http(ip, 80, { method: 'GET', path: '/', headers: {} }, peer, 1000).then(
    ({ status }) => status,
    (error: { code: string }) => error.code,
  );
  let answer: number | string | undefined;
  void asked.then((found) => {
    answer = found;
  });
  await until(cluster, 'an answer', () => answer !== undefined);
  return answer!;
}

it('keep apart whom they forbid to meet, at once, by address and by Service; probes go on', async () => {
  cluster = await quietCluster({ nodes: 2 });
  const resource = (plural: string) => cluster.client.resource(plural).namespace('default');
  for (const name of ['web', 'db', 'other']) await resource('pods').create(pod(name));
  await resource('services').create({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] },
  } as any);
  await until(cluster, 'three pods', () => readyPods(cluster) === 3);
  const service = (cluster.server.reader.get('services', 'default', 'web') as any).spec.clusterIP;
  const web = podNamed('web').status.podIP;
  expect(await ask('other', web)).toBe(200);

  await resource('networkpolicies').create({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'web-for-db' },
    spec: {
      podSelector: { matchLabels: { app: 'web' } },
      ingress: [{ from: [{ podSelector: { matchLabels: { app: 'db' } } }], ports: [{ port: 'http' }] }],
    },
  } as any);
  await cluster.clock.advance(100);
  expect(await ask('other', web)).toBe('ETIMEDOUT');
  expect(await ask('other', service)).toBe('ETIMEDOUT');
  expect(await ask('db', web)).toBe(200);
  expect(await ask('db', service)).toBe(200);
  expect(await ask('web', web)).toBe(200);
  // The kubelet's probes come from the pod's own node.
  await cluster.clock.advance(30_000);
  expect(pods(cluster).every(({ ready }) => ready)).toBe(true);

  // Labels decide, as they are now.
  await resource('pods').patch('other', 'merge', { metadata: { labels: { app: 'db' } } });
  await cluster.clock.advance(100);
  expect(await ask('other', web)).toBe(200);

  await resource('networkpolicies').delete('web-for-db');
  await resource('pods').patch('other', 'merge', { metadata: { labels: { app: 'other' } } });
  await cluster.clock.advance(100);
  expect(await ask('other', web)).toBe(200);
});
