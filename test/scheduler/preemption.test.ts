/** Preemption, as stories in a whole cluster. */
import { afterEach, describe, expect, it } from 'vitest';
import { type Cluster, createCluster } from '../../src/cluster/create-cluster.ts';

let cluster: Cluster | undefined;
afterEach(async () => {
  await cluster?.stop();
  cluster = undefined;
});

async function boot(nodes = 1, nodeCapacity: Record<string, string> = { cpu: '2' }) {
  cluster = await createCluster({
    nodes,
    nodeCapacity,
    seed: 's',
    clock: 'virtual',
    api: false,
    etcd: false,
    instantContainers: true,
  });
  const { client, clock, server, decisions } = cluster;
  const get = (name: string): any => server.reader.get('pods', 'default', name);
  const apply = (name: string, cpu: string, more: { spec?: object; labels?: object } = {}) =>
    client
      .resource('pods')
      .namespace('default')
      .create({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: 'default', labels: more.labels },
        spec: {
          terminationGracePeriodSeconds: 5,
          containers: [{ name: 'c', image: 'app:1', resources: { requests: { cpu } } }],
          ...more.spec,
        },
      } as never);
  for (const [name, value] of [
    ['high', 1000],
    ['low', 10],
  ] as const) {
    await client
      .resource('priorityclasses.scheduling.k8s.io')
      .create({ apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name }, value } as never);
  }
  const until = async (condition: () => boolean, ms = 60_000) =>
    expect(await clock.advanceUntil(condition, ms)).toBe(true);
  const running = (name: string) => () => get(name)?.status.phase === 'Running';
  const events = (reason: string) => server.reader.list('events', 'default').filter((e) => e['reason'] === reason);
  const nominations = new Map<string, string>();
  const end = new AbortController();
  const watch = await client.resource('pods').watch({ resourceVersion: '0', signal: end.signal });
  void (async () => {
    for await (const { object } of watch) {
      const { metadata, status } = object as any;
      if (status?.nominatedNodeName) nominations.set(metadata.name, status.nominatedNodeName);
    }
  })().catch(() => {});
  return { ...cluster, nominations, client, clock, decisions, get, apply, until, running, events };
}

const high = { priorityClassName: 'high' };
const low = { priorityClassName: 'low' };

describe('preemption', () => {
  it('makes room: victims are told why, the pod is nominated, then bound', async () => {
    const lab = await boot();
    await lab.apply('a', '1', { spec: low });
    await lab.apply('b', '900m', { spec: low });
    await lab.until(() => lab.running('a')() && lab.running('b')());
    await lab.apply('vip', '1', { spec: high });
    await lab.until(() => lab.nominations.get('vip') === 'node-1');
    await lab.until(lab.running('vip'));
    expect(lab.get('vip').status.nominatedNodeName).toBeUndefined();
    const gone = ['a', 'b'].filter((name) => !lab.get(name));
    expect(gone).toHaveLength(1);
    const [preempted] = lab.events('Preempted');
    expect(preempted).toMatchObject({ type: 'Normal', involvedObject: { name: gone[0] } });
    expect(preempted!['message']).toBe(`Preempted by pod ${lab.get('vip').metadata.uid} on node node-1`);
    const tries = lab.decisions.of('default', 'vip');
    expect(tries.map(({ result }) => result)).toEqual(['Unschedulable', 'Scheduled']);
    expect(tries[0]).toMatchObject({
      message: '0/1 nodes are available: 1 Insufficient cpu.',
      nominatedNode: 'node-1',
      preemption: { chosen: 'node-1', candidates: [{ node: 'node-1', victims: [{ name: gone[0], priority: 10 }] }] },
    });
  });

  it('says it exactly when nobody may go', async () => {
    const lab = await boot(3);
    await Promise.all([1, 2, 3].map((i) => lab.apply(`p${i}`, '1500m', { spec: high })));
    await lab.until(() => [1, 2, 3].every((i) => lab.running(`p${i}`)()));
    await lab.client.resource('nodes').patch('node-3', 'merge', { spec: { unschedulable: true } });
    await lab.clock.advance(1000);
    await lab.apply('late', '1', { spec: high });
    const message = () =>
      lab.get('late').status.conditions?.find((condition: any) => condition.type === 'PodScheduled')?.message;
    await lab.until(() => message() !== undefined);
    expect(message()).toBe(
      '0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu. ' +
        'no new claims to deallocate, preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, ' +
        '2 No preemption victims found for incoming pod.',
    );
    await lab.until(() => lab.events('FailedScheduling').some((event) => event['message'] === message()));
  });

  it('preemptionPolicy Never waits instead', async () => {
    const lab = await boot();
    await lab.apply('a', '1500m', { spec: low });
    await lab.until(lab.running('a'));
    await lab.client.resource('priorityclasses.scheduling.k8s.io').create({
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name: 'polite' },
      value: 1000,
      preemptionPolicy: 'Never',
    } as never);
    await lab.apply('polite', '1', { spec: { priorityClassName: 'polite' } });
    const decided = () => lab.decisions.of('default', 'polite').at(-1);
    await lab.until(() => decided() !== undefined);
    expect(decided()!.message).toBe(
      '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.',
    );
    await lab.clock.advance(30_000);
    expect(lab.running('a')()).toBe(true);
  });

  it('a disruption budget is respected while another node can give', async () => {
    const lab = await boot(2);
    await lab.client
      .resource('poddisruptionbudgets.policy')
      .namespace('default')
      .create({
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: { name: 'guard', namespace: 'default' },
        spec: { minAvailable: 1, selector: { matchLabels: { app: 'guarded' } } },
      } as never);
    await lab.apply('guarded', '1500m', { spec: low, labels: { app: 'guarded' } });
    await lab.apply('free', '1500m', { spec: low, labels: { app: 'free' } });
    await lab.until(() => lab.running('guarded')() && lab.running('free')());
    await lab.clock.advance(5_000);
    const node = lab.get('free').spec.nodeName;
    await lab.apply('vip', '1', { spec: high });
    await lab.until(lab.running('vip'));
    expect(lab.get('vip').spec.nodeName).toBe(node);
    expect(lab.running('guarded')()).toBe(true);
    expect(lab.get('free')).toBeUndefined();
  });

  it('room made for one pod is not taken by a lesser one', async () => {
    const lab = await boot();
    await lab.apply('a', '1500m', { spec: low });
    await lab.until(lab.running('a'));
    await lab.apply('vip', '1500m', { spec: high });
    await lab.until(() => lab.nominations.get('vip') === 'node-1');
    await lab.apply('sneaky', '1500m', { spec: low });
    await lab.until(lab.running('vip'));
    expect(lab.get('sneaky').spec.nodeName).toBeUndefined();
  });
});
