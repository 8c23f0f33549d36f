/** Nodes that die, come back, join and leave: what the cluster makes of it, and when. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Cluster } from '../../src/cluster/create-cluster.ts';
import { changes, pods, quietCluster, readyPods, until } from './lab.ts';

let cluster: Cluster;
const folders: string[] = [];
afterEach(async () => {
  await cluster.stop();
  for (const dir of folders.splice(0)) rmSync(dir, { recursive: true, force: true });
});

const node = (name: string): any => cluster.server.reader.get('nodes', '', name);
const ready = (name: string) => node(name)?.status.conditions.find((c: any) => c.type === 'Ready');
const events = (reason: string) =>
  cluster.server.reader.list('events').filter((event) => (event as any).reason === reason) as any[];

function deployment(name: string, replicas: number, spec: object = {}): any {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name, image: 'nginx:1.27' }], ...spec },
      },
    },
  };
}

async function run(name: string, replicas: number, spec?: object): Promise<void> {
  await cluster.client
    .resource('deployments')
    .namespace('default')
    .create(deployment(name, replicas, spec));
  await until(cluster, `${replicas} pods run`, () => readyPods(cluster) === replicas);
}

/** Seconds from `since` to when `done` first holds, to a tenth. */
async function secondsUntil(since: number, what: string, done: () => boolean): Promise<number> {
  await until(cluster, what, done);
  return Math.round((cluster.clock.now() - since) / 100) / 10;
}

describe('a node that dies', () => {
  it('is NotReady after the grace, tainted, its pods evicted after 300 s and made anew elsewhere', async () => {
    cluster = await quietCluster();
    await run('web', 3);
    expect(new Set(pods(cluster).map((pod) => pod.node)).size).toBe(3);
    const lost = pods(cluster).find((pod) => pod.node === 'node-2')!;
    const others = pods(cluster).filter(({ uid }) => uid !== lost.uid);
    const lease: any = cluster.server.reader.get('leases.coordination.k8s.io', 'kube-node-lease', 'node-2');
    const heartbeat = Date.parse(lease.spec.renewTime);
    await cluster.nodes.stop('node-2');
    const stopped = cluster.clock.now();

    // The grace runs from the last heartbeat the monitor saw; it looks each 5 s.
    const notReady = await secondsUntil(heartbeat, 'NotReady', () => ready('node-2').status === 'Unknown');
    expect(notReady).toBeGreaterThan(50);
    expect(notReady).toBeLessThanOrEqual(60);
    expect(ready('node-2')).toMatchObject({
      reason: 'NodeStatusUnknown',
      message: 'Kubelet stopped posting node status.',
    });
    const unknownAt = cluster.clock.now();
    await until(cluster, 'the pod is not ready', () => !pods(cluster).find(({ uid }) => uid === lost.uid)!.ready);
    const tainted = () =>
      (node('node-2').spec.taints ?? []).filter((t: any) => t.key === 'node.kubernetes.io/unreachable');
    await until(cluster, 'tainted', () => tainted().length === 2);
    expect(
      tainted()
        .map((t: any) => t.effect)
        .sort(),
    ).toEqual(['NoExecute', 'NoSchedule']);
    const evicting = () => cluster.server.reader.get('pods', 'default', lost.name)?.metadata.deletionTimestamp;
    const evicted = await secondsUntil(unknownAt, 'evicted', () => evicting() !== undefined);
    expect(evicted).toBeGreaterThanOrEqual(300);
    expect(evicted).toBeLessThanOrEqual(306);
    expect(events('TaintManagerEviction').map((event) => event.message)).toContain(
      `Marking for deletion Pod default/${lost.name}`,
    );

    await until(cluster, 'three pods are ready again', () => readyPods(cluster) === 3);
    // The lost one cannot be confirmed gone: it stays, Terminating, as long as its node is away.
    expect(pods(cluster)).toHaveLength(4);
    for (const before of others) expect(pods(cluster)).toContainEqual(before);
    expect(pods(cluster).filter((pod) => pod.ready && pod.node === 'node-2')).toEqual([]);
    const { status } = (await cluster.client.resource('deployments').namespace('default').get('web')) as any;
    expect(status).toMatchObject({ availableReplicas: 3, readyReplicas: 3 });
    // Nobody but the node itself was lost.
    for (const name of ['node-1', 'node-3']) expect(ready(name).status).toBe('True');
    expect(cluster.clock.now() - stopped).toBeLessThan(370_000);
  });

  it('that comes back finds the pods it still owns and starts their containers again', async () => {
    cluster = await quietCluster();
    await run('web', 3);
    const before = pods(cluster);
    const mine = before.find((pod) => pod.node === 'node-2')!;
    const { bootID, machineID } = node('node-2').status.nodeInfo;
    await cluster.nodes.stop('node-2');
    await until(cluster, 'NotReady', () => ready('node-2').status === 'Unknown' && readyPods(cluster) === 2);
    await cluster.clock.advance(60_000);
    await cluster.nodes.start('node-2');
    await until(cluster, 'all is as it was', () => ready('node-2').status === 'True' && readyPods(cluster) === 3);
    expect(pods(cluster)).toEqual(before);
    const pod: any = cluster.server.reader.get('pods', 'default', mine.name);
    const [container] = pod.status.containerStatuses;
    expect(container.restartCount).toBe(1);
    expect(container.lastState.terminated).toMatchObject({ exitCode: 255, reason: 'Unknown' });
    expect(node('node-2').status.nodeInfo.machineID).toBe(machineID);
    expect(node('node-2').status.nodeInfo.bootID).not.toBe(bootID);
    expect(events('Rebooted').map((event) => event.message)).toEqual([
      `Node node-2 has been rebooted, boot id: ${node('node-2').status.nodeInfo.bootID}`,
    ]);
    await until(cluster, 'no taints', () => (node('node-2').spec.taints ?? []).length === 0);
  });

  it('that comes back after the eviction lets the evicted pods go', async () => {
    cluster = await quietCluster();
    await run('web', 3);
    await cluster.nodes.stop('node-2');
    await cluster.clock.advance(400_000);
    expect(pods(cluster)).toHaveLength(4);
    await cluster.nodes.start('node-2');
    await until(cluster, 'three pods are left', () => pods(cluster).length === 3 && readyPods(cluster) === 3);
    expect(pods(cluster).some((pod) => pod.node === 'node-2')).toBe(false);
  });

  it('forgets pods that were deleted by force while it was away', async () => {
    cluster = await quietCluster({ nodes: 1 });
    await run('web', 2);
    await cluster.nodes.stopKubelet('node-1');
    await cluster.client.resource('deployments').namespace('default').delete('web');
    await until(cluster, 'the ReplicaSet is gone', () => cluster.server.reader.list('replicasets.apps').length === 0);
    const left = pods(cluster);
    for (const { name } of left) {
      await cluster.client.resource('pods').namespace('default').delete(name, { gracePeriodSeconds: 0 });
    }
    expect(pods(cluster)).toEqual([]);
    await cluster.nodes.startKubelet('node-1');
    await cluster.clock.advance(60_000);
    for (const { uid } of left) expect(await cluster.nodes.podStats('node-1', uid)).toEqual([]);
  });
});

describe('a kubelet that stops', () => {
  it('takes no container along: the node is NotReady, and the same containers serve on when it is back', async () => {
    cluster = await quietCluster();
    await run('web', 3);
    const mine = pods(cluster).find((pod) => pod.node === 'node-3')!;
    const ids = () =>
      (cluster.server.reader.get('pods', 'default', mine.name) as any).status.containerStatuses.map(
        (c: any) => c.containerID,
      );
    const before = ids();
    expect(await cluster.nodes.stopKubelet('node-3')).toMatchObject({ state: 'kubelet-stopped' });
    await until(cluster, 'NotReady', () => ready('node-3').status === 'Unknown');
    await cluster.nodes.startKubelet('node-3');
    await until(cluster, 'Ready', () => ready('node-3').status === 'True' && readyPods(cluster) === 3);
    expect(ids()).toEqual(before);
    const pod: any = cluster.server.reader.get('pods', 'default', mine.name);
    expect(pod.status.containerStatuses[0].restartCount).toBe(0);
    expect(events('Rebooted')).toEqual([]);
  });
});

describe('nodes that join and leave', () => {
  it('are made with zone, labels, taints and capacity, and take pods', async () => {
    cluster = await quietCluster({ nodes: 1 });
    const made = await cluster.nodes.add({
      count: 2,
      zone: 'edge',
      labels: { tier: 'gpu' },
      taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }],
      capacity: { cpu: '64', 'nvidia.com/gpu': '4' },
    });
    expect(made.map(({ name, zone, state }) => [name, zone, state])).toEqual([
      ['node-2', 'edge', 'running'],
      ['node-3', 'edge', 'running'],
    ]);
    await until(
      cluster,
      'both are Ready',
      () => ready('node-2')?.status === 'True' && ready('node-3')?.status === 'True',
    );
    const { metadata, spec, status } = node('node-3');
    expect(metadata.labels).toMatchObject({ tier: 'gpu', 'topology.kubernetes.io/zone': 'edge' });
    expect(spec.taints).toContainEqual({ key: 'gpu', value: 'yes', effect: 'NoSchedule' });
    expect(status.capacity).toMatchObject({ cpu: '64', memory: '32Gi', 'nvidia.com/gpu': '4' });
    await cluster.client
      .resource('deployments')
      .namespace('default')
      .create(deployment('train', 2, { nodeSelector: { tier: 'gpu' }, tolerations: [{ operator: 'Exists' }] }));
    await until(cluster, 'they run there', () => readyPods(cluster) === 2);
    expect(pods(cluster).map((pod) => pod.node)).not.toContain('node-1');
  });

  it('leave with their Node, Lease and CSINode; drained, no pod is missed for longer than its replacement takes', async () => {
    cluster = await quietCluster();
    await run('web', 3);
    await cluster.client
      .resource('poddisruptionbudgets.policy')
      .namespace('default')
      .create({
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: { name: 'web' },
        spec: { minAvailable: 2, selector: { matchLabels: { app: 'web' } } },
      });
    await cluster.clock.advance(5_000);
    let fewest = 3;
    let done = false;
    const removed = cluster.nodes.remove('node-2', { drain: true }).then(() => {
      done = true;
    });
    await until(cluster, 'removed', () => {
      fewest = Math.min(fewest, readyPods(cluster));
      return done;
    });
    await removed;
    expect(fewest).toBe(2);
    expect(node('node-2')).toBeUndefined();
    expect(cluster.server.reader.get('leases.coordination.k8s.io', 'kube-node-lease', 'node-2')).toBeUndefined();
    await until(cluster, 'three pods', () => readyPods(cluster) === 3);
    expect(new Set(pods(cluster).map((pod) => pod.node))).toEqual(new Set(['node-1', 'node-3']));
    expect(cluster.nodes.names).toEqual(['node-1', 'node-3']);
    // Its name and address are not given to another machine.
    expect((await cluster.nodes.add())[0]).toMatchObject({ name: 'node-4' });
  });

  it('not drained, leave pods that the garbage collector takes', async () => {
    cluster = await quietCluster();
    await run('web', 3);
    await cluster.nodes.remove('node-2');
    expect(readyPods(cluster)).toBe(3);
    await until(cluster, 'the orphan is gone', () => pods(cluster).every((pod) => pod.node !== 'node-2'));
    await until(cluster, 'three pods', () => readyPods(cluster) === 3);
  });

  it('are refused in the API’s words', async () => {
    cluster = await quietCluster({ nodes: 1 });
    const { nodes } = cluster;
    await expect(nodes.stop('ghost')).rejects.toThrow('nodes "ghost" not found');
    await expect(nodes.remove('ghost')).rejects.toThrow('nodes "ghost" not found');
    await expect(nodes.start('node-1')).rejects.toThrow(
      'Operation cannot be fulfilled on nodes "node-1": the node is running already',
    );
    await expect(nodes.add({ name: 'node-1' })).rejects.toThrow('nodes "node-1" already exists');
    await expect(nodes.add({ name: 'Bad_Name' })).rejects.toThrow('"Bad_Name" cannot be a node\'s name');
    await expect(nodes.add({ count: 0 })).rejects.toThrow('count must be from 1 to 60000, not 0');
    await expect(nodes.add({ name: 'x', count: 2 })).rejects.toThrow('a name is for one node');
    await expect(nodes.add({ capacity: { cpu: 'many' } })).rejects.toThrow('capacity cpu must be a quantity');
    await expect(nodes.add({ taints: [{ key: 'a', effect: 'Never' }] })).rejects.toThrow('not "Never"');
    // The last node may stop: pods then wait for one.
    await nodes.stop('node-1');
    await expect(nodes.stop('node-1')).rejects.toThrow('the node is stopped already');
    await expect(nodes.stopKubelet('node-1')).rejects.toThrow('the node is stopped');
    expect(nodes.list()).toMatchObject([{ name: 'node-1', state: 'stopped' }]);
  });
});

describe('a cluster that starts again', () => {
  it('has the nodes it had, in the state they were in; a number asked for adds or stops some', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'klab-nodes-'));
    folders.push(dir);
    const states = () => cluster.nodes.list().map(({ name, state }) => `${name} ${state}`);
    cluster = await quietCluster({ dir, nodes: 2 });
    await cluster.nodes.add({ name: 'big', capacity: { cpu: '96' } });
    await cluster.nodes.stop('node-1');
    await cluster.stop();
    cluster = await quietCluster({ dir });
    expect(states()).toEqual(['node-1 stopped', 'node-2 running', 'big running']);
    await until(cluster, 'big is Ready', () => node('big')?.status.capacity?.cpu === '96');
    await cluster.stop();
    cluster = await quietCluster({ dir, nodes: 2 });
    expect(states()).toEqual(['node-1 running', 'node-2 running', 'big stopped']);
    await cluster.stop();
    cluster = await quietCluster({ dir, nodes: 4 });
    expect(states()).toEqual(['node-1 running', 'node-2 running', 'big running', 'node-4 running']);
    expect(changes(cluster).length).toBeGreaterThan(0);
  });
});
