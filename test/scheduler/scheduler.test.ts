/** The scheduler at work in a whole cluster, on time that only moves when told to. */
import { afterEach, describe, expect, it } from 'vitest';
import { type Cluster, createCluster } from '../../src/cluster/create-cluster.ts';

let cluster: Cluster | undefined;
afterEach(async () => {
  await cluster?.stop();
  cluster = undefined;
});

async function boot(options: Parameters<typeof createCluster>[0] = {}) {
  cluster = await createCluster({
    nodes: 3,
    seed: 's',
    clock: 'virtual',
    api: false,
    etcd: false,
    instantContainers: true,
    ...options,
  });
  return cluster;
}

const pod = (name: string, spec: Record<string, unknown> = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default' },
  spec: {
    containers: [{ name: 'c', image: 'app:1', ...((spec['container'] as object) ?? {}) }],
    ...spec,
    container: undefined,
  },
});

describe('the scheduler in a cluster', () => {
  it('binds, records the decision, and says so in an event', async () => {
    const { client, clock, server, decisions } = await boot();
    await client
      .resource('pods')
      .namespace('default')
      .create(pod('web') as never);
    const bound = () => server.reader.get('pods', 'default', 'web')?.['spec'].nodeName;
    expect(
      await clock.advanceUntil(() => bound() !== undefined && decisions.of('default', 'web').length > 0, 10_000),
    ).toBe(true);
    const [decision] = decisions.of('default', 'web');
    expect(decision).toMatchObject({ result: 'Scheduled', attempt: 1, node: bound(), feasible: 3 });
    const event = () => server.reader.list('events', 'default').find((e) => e['reason'] === 'Scheduled');
    expect(await clock.advanceUntil(() => event() !== undefined, 10_000)).toBe(true);
    expect(event()!['message']).toBe(`Successfully assigned default/web to ${bound()}`);
    expect(event()!['source'].component).toBe('default-scheduler');
  });

  it('says why a pod is pending and places it once a node helps', async () => {
    const { client, clock, server, decisions } = await boot();
    const wanting = pod('greedy', { nodeSelector: { disk: 'ssd' } });
    await client
      .resource('pods')
      .namespace('default')
      .create(wanting as never);
    const condition = () =>
      server.reader
        .get('pods', 'default', 'greedy')
        ?.['status'].conditions?.find((c: any) => c.type === 'PodScheduled');
    expect(await clock.advanceUntil(() => condition()?.reason === 'Unschedulable', 10_000)).toBe(true);
    const message =
      "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. " +
      'no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.';
    expect(condition()).toMatchObject({ status: 'False', message });
    expect(
      decisions
        .of('default', 'greedy')
        .at(-1)!
        .nodes.map((node) => node.filter?.plugin),
    ).toEqual(Array(3).fill('NodeAffinity'));
    await client.resource('nodes').patch('node-2', 'merge', { metadata: { labels: { disk: 'ssd' } } });
    const bound = () => server.reader.get('pods', 'default', 'greedy')?.['spec'].nodeName === 'node-2';
    expect(await clock.advanceUntil(bound, 20_000)).toBe(true);
    expect(decisions.of('default', 'greedy').map((decision) => decision.result)).toEqual([
      'Unschedulable',
      'Scheduled',
    ]);
  });

  it('never puts more on a node than fits, however many pods come at once', async () => {
    const { client, clock, server } = await boot({ nodeCapacity: { cpu: '2' } });
    const requests = { container: { resources: { requests: { cpu: '500m' } } } };
    await Promise.all(
      Array.from({ length: 16 }, (_, i) =>
        client
          .resource('pods')
          .namespace('default')
          .create(pod(`p${i}`, requests) as never),
      ),
    );
    const placed = () => server.reader.list('pods', 'default').filter((p) => p['spec'].nodeName);
    expect(await clock.advanceUntil(() => placed().length === 12, 30_000)).toBe(true);
    await clock.advance(30_000);
    const byNode = new Map<string, number>();
    for (const p of placed()) byNode.set(p['spec'].nodeName, (byNode.get(p['spec'].nodeName) ?? 0) + 1);
    expect([...byNode.values()]).toEqual([4, 4, 4]);
  });
});
