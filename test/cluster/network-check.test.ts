/** The basic rules of the network, tried out in the simulated one, and what breaks them. */
import { afterEach, expect, it } from 'vitest';
import type { Cluster } from '../../src/cluster/create-cluster.ts';
import { checkNetwork, type NetworkCheckOptions, type NetworkCheckResult } from '../../src/cluster/network-check.ts';
import { quietCluster, readyPods, until } from './lab.ts';

let cluster: Cluster;
afterEach(() => cluster.stop());

const resource = (plural: string) => cluster.client.resource(plural).namespace('default');

async function start(names: readonly string[], spec: object = {}): Promise<void> {
  cluster = await quietCluster({ nodes: 2 });
  for (const name of names) {
    await resource('pods').create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels: { app: name } },
      spec: { containers: [{ name: 'main', image: 'nginx' }], ...spec },
    } as any);
  }
  await until(cluster, 'pods', () => readyPods(cluster) === names.length);
}

/** Time passes while it asks. */
async function check(options: NetworkCheckOptions = {}): Promise<NetworkCheckResult> {
  let result: NetworkCheckResult | undefined;
  const deps = cluster.nodes.networkCheck();
  void checkNetwork(deps, { namespace: 'default', ...options }).then((found) => {
    result = found;
  });
  await until(cluster, 'the check', () => result !== undefined);
  return result!;
}

it('a cluster as it starts keeps them: every pod and every node is answered, and seen as what it is', async () => {
  await start(['a', 'b', 'c']);
  const result = await check();
  expect(result.pods.map(({ name }) => name)).toEqual(['pod/default/a', 'pod/default/b', 'pod/default/c']);
  expect(result.nodes).toEqual(['node-1', 'node-2']);
  // Three pods asked by three pods and two nodes each.
  expect(result.connections).toBe(15);
  expect(result.failures).toEqual([]);
});

it('a policy that keeps pods apart is named; nodes still reach the pods they run', async () => {
  await start(['a', 'b']);
  await resource('networkpolicies').create({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'nobody' },
    spec: { podSelector: { matchLabels: { app: 'a' } } },
  } as any);
  await cluster.clock.advance(100);
  const { failures } = await check();
  const node = (cluster.server.reader.get('pods', 'default', 'a') as any).spec.nodeName;
  const other = node === 'node-1' ? 'node-2' : 'node-1';
  expect(failures.map(({ from, to }) => `${from} ${to}`)).toEqual([
    `node/${other} pod/default/a`,
    'pod/default/b pod/default/a',
  ]);
  expect(failures[1]).toMatchObject({ rule: 'reach', policies: ['default/nobody'] });
  expect(failures[1]!.reason).toContain('default/nobody isolates the destination for ingress');
});

it('a port that a policy allows passes', async () => {
  await start(['a', 'b']);
  await resource('networkpolicies').create({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'only-8080' },
    spec: { podSelector: {}, ingress: [{ ports: [{ port: 8080 }] }] },
  } as any);
  await cluster.clock.advance(100);
  expect((await check({ port: 8080 })).failures).toEqual([]);
  expect((await check()).failures.length).toBeGreaterThan(0);
});

it('pods of a node without power are missed, and ask nobody', async () => {
  await start(['a', 'b', 'c', 'd']);
  const gone = (cluster.server.reader.get('pods', 'default', 'a') as any).spec.nodeName;
  const stopping = cluster.nodes.stop(gone);
  await cluster.clock.advance(10);
  await stopping;
  const { failures, nodes, pods } = await check();
  const lost = pods.filter(({ node }) => node === gone).map(({ name }) => name);
  expect(nodes).not.toContain(gone);
  expect(new Set(failures.map(({ to }) => to))).toEqual(new Set(lost));
  expect(failures.some(({ from }) => lost.includes(from))).toBe(false);
  expect(failures[0]!.reason).toContain('no route to host');
});

it('of many pods a sample is tried, the same for the same seed', async () => {
  await start(['a', 'b', 'c', 'd', 'e', 'f']);
  const names = async (seed: string) => (await check({ maxPods: 2, seed })).pods.map(({ name }) => name);
  const first = await check({ maxPods: 2, seed: '1' });
  expect(first.podsTotal).toBe(6);
  expect(first.connections).toBe(8);
  expect(await names('1')).toEqual(first.pods.map(({ name }) => name));
  const drawn = new Set<string>();
  for (const seed of ['1', '2', '3', '4', '5', '6']) for (const name of await names(seed)) drawn.add(name);
  expect(drawn.size).toBeGreaterThan(2);
});

it('nothing of the check stays behind', async () => {
  await start(['a']);
  await check({ port: 4444 });
  const { status, spec } = cluster.server.reader.get('pods', 'default', 'a') as any;
  const peer = { ip: '10.244.9.9', node: spec.nodeName };
  await expect(cluster.nodes.fabric.connect(status.podIP, 4444, peer, 100)).rejects.toMatchObject({
    code: 'ECONNREFUSED',
  });
});

it('is refused by /klab/v1/network/check while the clock stands still, and for what is no port', async () => {
  cluster = await quietCluster({ nodes: 1 });
  const post = (body: object) => cluster.client.request({ method: 'POST', path: '/klab/v1/network/check', body });
  await expect(post({})).rejects.toMatchObject({
    status: { code: 409, message: expect.stringContaining('clock is paused') },
  });
  cluster.clock.setSpeed(1);
  await expect(post({ port: 0 })).rejects.toMatchObject({
    status: { code: 400, message: 'port must be a whole number from 1 to 65535, not 0' },
  });
});
