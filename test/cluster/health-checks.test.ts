/** What load balancers ask simulated nodes: whether they have endpoints of a Service with externalTrafficPolicy Local. */
import { afterEach, expect, it } from 'vitest';
import type { Cluster } from '../../src/cluster/create-cluster.ts';
import { quietCluster, readyPods, until } from './lab.ts';

let cluster: Cluster;
afterEach(() => cluster.stop());

const outside = { ip: '203.0.113.1' };

async function ask(ip: string, port: number, path = '/') {
  let answer: unknown;
  const request = { method: 'GET', path, headers: {} };
  void cluster.nodes.fabric.http(ip, port, request, outside, 1000).then(
    ({ status, headers, body }) => {
      answer = [status, headers['x-load-balancing-endpoint-weight'], JSON.parse(body)];
    },
    ({ code }: { code: string }) => {
      answer = code;
    },
  );
  await until(cluster, 'an answer', () => answer !== undefined);
  return answer;
}

it('is answered at each node’s health-check node port, and /healthz tells whether the node may have traffic', async () => {
  cluster = await quietCluster({ nodes: 2 });
  const resource = (plural: string) => cluster.client.resource(plural).namespace('default');
  await resource('services').create({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local', selector: { app: 'web' }, ports: [{ port: 80 }] },
  } as any);
  await resource('pods').create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', labels: { app: 'web' } },
    spec: { containers: [{ name: 'main', image: 'nginx:1.29' }] },
  } as any);
  await until(cluster, 'a ready pod', () => readyPods(cluster) === 1);
  await cluster.clock.advance(2000);
  const port = (cluster.server.reader.get('services', 'default', 'web') as any).spec.healthCheckNodePort;
  const here = (cluster.server.reader.get('pods', 'default', 'web') as any).spec.nodeName;
  const nodes = cluster.server.reader.list('nodes') as any[];
  const addressOf = (node: any): string => node.status.addresses[0].address;
  const body = (localEndpoints: number) => ({
    service: { namespace: 'default', name: 'web' },
    localEndpoints,
    serviceProxyHealthy: true,
  });
  for (const node of nodes) {
    const has = node.metadata.name === here;
    const expected = has ? [200, '1', body(1)] : [503, '0', body(0)];
    expect(await ask(addressOf(node), port)).toEqual(expected);
  }
  const [node] = nodes;
  expect(await ask(addressOf(node), 10_256, '/healthz')).toMatchObject([200, undefined, { nodeEligible: true }]);
  await cluster.client.resource('nodes').patch(node.metadata.name, 'merge', {
    spec: { taints: [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }] },
  });
  await cluster.clock.advance(100);
  expect(await ask(addressOf(node), 10_256, '/healthz')).toMatchObject([503, undefined, { nodeEligible: false }]);
  // A node without kube-proxy answers nothing.
  await cluster.nodes.proxies.stop(node.metadata.name);
  expect(await ask(addressOf(node), port)).toMatch(/^E/);
});
