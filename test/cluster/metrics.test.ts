import { describe, expect, it } from 'vitest';
import type { Pod } from '../../src/api/index.ts';
import { milliValueOf } from '../../src/apimachinery/index.ts';
import { createCluster } from '../../src/cluster/create-cluster.ts';

const pod = (name: string, container: object): Pod =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels: { app: name } },
    spec: { containers: [{ name: 'c', ...container }] },
  }) as Pod;

describe('metrics.k8s.io', () => {
  it('shows what pods and nodes use, with a limit as the most', async () => {
    await using cluster = await createCluster({
      nodes: 1,
      clock: 'virtual',
      seed: 'metrics',
      api: false,
      etcd: false,
      instantContainers: true,
    });
    const pods = cluster.client.resource<Pod>('pods');
    const stress = { image: 'ubuntu', command: ['stress', '--cpu', '2'] };
    await pods.create(pod('busy', stress));
    await pods.create(pod('limited', { ...stress, resources: { limits: { cpu: '500m', memory: '64Mi' } } }));
    await pods.create(pod('idle', { image: 'nginx' }));
    await cluster.clock.advance(4_000);
    const raw = (path: string) => cluster.client.raw(`/apis/metrics.k8s.io/v1beta1${path}`);
    // Too young for a full window.
    expect((await raw('/namespaces/default/pods')).items).toEqual([]);
    await cluster.clock.advance(45_000);
    const list = await raw('/namespaces/default/pods');
    expect(list).toMatchObject({ kind: 'PodMetricsList', apiVersion: 'metrics.k8s.io/v1beta1' });
    const cpuOf = (name: string) =>
      milliValueOf(list.items.find((item: any) => item.metadata.name === name).containers[0].usage.cpu);
    expect(cpuOf('busy')).toBeGreaterThanOrEqual(2000);
    expect(cpuOf('busy')).toBeLessThan(2010);
    expect(cpuOf('limited')).toBe(500);
    expect(cpuOf('idle')).toBeLessThan(10);
    const selected = await cluster.client.raw('/apis/metrics.k8s.io/v1beta1/pods', {
      query: { labelSelector: 'app=busy' },
    });
    expect(selected.items.map((item: any) => item.metadata.name)).toEqual(['busy']);
    const one = await raw('/namespaces/default/pods/busy');
    expect(one).toMatchObject({ kind: 'PodMetrics', window: '15s', metadata: { labels: { app: 'busy' } } });
    const node = await raw('/nodes/node-1');
    expect(milliValueOf(node.usage.cpu)).toBeGreaterThan(2500);
    await expect(raw('/namespaces/default/pods/none')).rejects.toThrow(
      'podmetrics.metrics.k8s.io "default/none" not found',
    );
    const apis = await cluster.client.raw('/apis/metrics.k8s.io/v1beta1');
    expect(apis.resources.map((resource: any) => `${resource.name} ${resource.kind} ${resource.verbs}`)).toEqual([
      'nodes NodeMetrics get,list',
      'pods PodMetrics get,list',
    ]);
  });
});
