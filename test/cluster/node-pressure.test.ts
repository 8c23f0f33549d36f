/** `klab node pressure`: what becomes of a node that is made short of something. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Cluster } from '../../src/cluster/create-cluster.ts';
import { pods, quietCluster, readyPods, until } from './lab.ts';

let cluster: Cluster;
afterEach(() => cluster.stop());

const node = (name: string): any => cluster.server.reader.get('nodes', '', name);
const condition = (name: string, type: string) => node(name).status.conditions.find((c: any) => c.type === type);
const taints = (name: string) => (node(name).spec.taints ?? []).map((taint: any) => `${taint.key}:${taint.effect}`);

async function deploy(replicas: number): Promise<void> {
  const labels = { app: 'web' };
  await cluster.client
    .resource('deployments')
    .namespace('default')
    .create({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: {
        replicas,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'nginx:1.27' }] } },
      },
    });
  await until(cluster, `${replicas} pods run`, () => readyPods(cluster) === replicas);
}

describe('a node short of memory', () => {
  it('is tainted, evicts a pod, gets no other of its class, and is as before five minutes later', async () => {
    cluster = await quietCluster({ nodes: 2 });
    await deploy(4);
    const told = await cluster.nodes.press('node-1', { resource: 'memory' });
    expect(told).toEqual({ name: 'node-1', resource: 'memory', available: '90Mi', threshold: '100Mi' });
    await until(cluster, 'a pod is evicted', () =>
      cluster.server.reader.list('pods').some((pod) => (pod as any).status.reason === 'Evicted'),
    );
    await until(cluster, 'the taint', () => taints('node-1').includes('node.kubernetes.io/memory-pressure:NoSchedule'));
    expect(condition('node-1', 'MemoryPressure')).toMatchObject({ status: 'True' });
    await until(cluster, 'as many as before', () => readyPods(cluster) === 4);
    const evicted = cluster.server.reader.list('pods').filter((pod) => (pod as any).status.reason === 'Evicted');
    expect(new Set(evicted.map((pod) => (pod as any).spec.nodeName))).toEqual(new Set(['node-1']));
    const names = new Set(evicted.map((pod) => pod.metadata.name));
    const running = pods(cluster).filter(({ name }) => !names.has(name));
    expect(running.filter((pod) => pod.node === 'node-2').length).toBe(2 + evicted.length);
    await cluster.clock.advance(360_000);
    expect(condition('node-1', 'MemoryPressure')).toMatchObject({ status: 'False' });
    expect(taints('node-1')).toEqual([]);
  });

  it('gets back what was taken; a reboot gives it back too', async () => {
    cluster = await quietCluster({ nodes: 1 });
    await cluster.nodes.press('node-1', { resource: 'memory', available: '10Mi' });
    await until(cluster, 'pressure', () => condition('node-1', 'MemoryPressure').status === 'True');
    const lifted = await cluster.nodes.press('node-1', { resource: 'memory', lift: true });
    expect(lifted.available).toBe('32Gi');
    await cluster.nodes.press('node-1', { resource: 'memory', available: '10Mi' });
    await cluster.nodes.stop('node-1');
    await cluster.nodes.start('node-1');
    await cluster.clock.advance(30_000);
    expect(condition('node-1', 'MemoryPressure').status).toBe('False');
  });
});

describe('a wish that cannot be', () => {
  it.each([
    [{ resource: 'cpu' }, 'resource must be memory, disk or pid, not "cpu"'],
    [{ resource: 'memory', available: 'much' }, 'available must be a quantity such as 50Mi, not "much"'],
    [{ resource: 'pid' }, /no threshold for pid\.available: start the cluster with klab up --eviction-hard/],
  ])('%j is refused', async (wish, message) => {
    cluster = await quietCluster({ nodes: 1 });
    await expect(cluster.nodes.press('node-1', wish)).rejects.toThrow(message);
  });

  it('of a machine that is off, or is none', async () => {
    cluster = await quietCluster({ nodes: 1 });
    await expect(cluster.nodes.press('node-7', { resource: 'memory' })).rejects.toThrow('nodes "node-7" not found');
    await cluster.nodes.stop('node-1');
    await expect(cluster.nodes.press('node-1', { resource: 'memory' })).rejects.toThrow('the node is stopped');
  });
});
