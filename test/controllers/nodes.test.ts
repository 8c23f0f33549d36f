import { describe, expect, it } from 'vitest';
import type { Lease, Node, Pod } from '../../src/api/index.ts';
import { deepCopy, newInternalError } from '../../src/apimachinery/index.ts';
import { rfc3339, rfc3339Micro } from '../../src/base/index.ts';
import { ConnectionError } from '../../src/client/index.ts';
import {
  NodeIpamController,
  NodeLifecycleController,
  PodGarbageCollector,
  TaintEvictionController,
} from '../../src/controllers/index.ts';
import { Lab } from '../helpers/controllers.ts';

function lab(): Lab {
  const l = new Lab();
  return l.start(new NodeLifecycleController(l.context), new TaintEvictionController(l.context));
}

const node = (l: Lab, name: string) => l.get<Node>('nodes', '', name);
const ready = async (l: Lab, name: string) =>
  (await node(l, name))?.status?.conditions?.find((c) => c.type === 'Ready');
const taints = async (l: Lab, name: string) =>
  ((await node(l, name))?.spec?.taints ?? []).map((t) => `${t.key.split('/')[1]}:${t.effect}`).sort();

/** A node whose kubelet renews its lease until `stop`. */
async function startNode(l: Lab, name: string, zone = 'a'): Promise<{ stop(): void }> {
  const at = rfc3339(l.clock.now());
  const condition = (type: string, status: 'True' | 'False') => ({
    type,
    status,
    lastHeartbeatTime: at,
    lastTransitionTime: at,
  });
  const created = await l.create<Node>('nodes', {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'topology.kubernetes.io/zone': zone, 'kubernetes.io/os': 'linux' } },
  });
  const conditions = [condition('Ready', 'True'), condition('MemoryPressure', 'False')];
  await l.client.resource<Node>('nodes').updateStatus({ ...created, status: { conditions } });
  const leases = l.client.resource<Lease>('leases').namespace('kube-node-lease');
  const renew = async () => {
    const renewTime = rfc3339Micro(l.clock.now());
    await leases.patch(name, 'merge', { spec: { renewTime } });
  };
  await leases.create({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, namespace: 'kube-node-lease' },
    spec: { holderIdentity: name, leaseDurationSeconds: 40, renewTime: rfc3339Micro(l.clock.now()) },
  });
  let running = true;
  const beat = () => {
    if (!running) return;
    void renew();
    l.clock.schedule(10_000, beat);
  };
  l.clock.schedule(10_000, beat);
  return {
    stop: () => {
      running = false;
    },
  };
}

async function podOn(l: Lab, nodeName: string, tolerationSeconds?: number): Promise<Readonly<Pod>> {
  const tolerations = ['not-ready', 'unreachable'].map((what) => ({
    key: `node.kubernetes.io/${what}`,
    operator: 'Exists' as const,
    effect: 'NoExecute' as const,
    ...(tolerationSeconds === undefined ? {} : { tolerationSeconds }),
  }));
  const pod = await l.create('pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `on-${nodeName}`, namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'i' }], tolerations },
  } as Pod);
  await l.run(pod, true, nodeName);
  return (await l.get<Pod>('pods', 'default', pod.metadata.name!))!;
}

describe('a node', () => {
  it('whose lease is renewed stays ready for ever', async () => {
    await using l = lab();
    const kubelet = await startNode(l, 'n1');
    await l.clock.advance(600_000);
    expect(await ready(l, 'n1')).toMatchObject({ status: 'True' });
    expect(await taints(l, 'n1')).toEqual([]);
    expect(await l.events('RegisteredNode')).toEqual([
      'Normal RegisteredNode Node n1 event: Registered Node n1 in Controller',
    ]);
    expect((await node(l, 'n1'))!.metadata.labels!['beta.kubernetes.io/os']).toBe('linux');
    kubelet.stop();
  });

  it('that falls silent is Unknown after 50 s, is tainted, and its pods are not ready, then evicted after their toleration', async () => {
    await using l = lab();
    const [healthy, lost] = [await startNode(l, 'n1'), await startNode(l, 'n2')];
    await podOn(l, 'n2', 300);
    await l.clock.advance(30_000);
    lost.stop();
    const silentSince = l.clock.now();
    await l.until('unknown', async () => (await ready(l, 'n2'))?.status === 'Unknown');
    expect(l.clock.now() - silentSince).toBeGreaterThan(40_000);
    expect(l.clock.now() - silentSince).toBeLessThanOrEqual(60_000);
    expect(await ready(l, 'n2')).toMatchObject({
      reason: 'NodeStatusUnknown',
      message: 'Kubelet stopped posting node status.',
    });
    const pressure = (await node(l, 'n2'))!.status!.conditions!.find((c) => c.type === 'DiskPressure');
    expect(pressure).toMatchObject({ status: 'Unknown', reason: 'NodeStatusNeverUpdated' });
    await l.until(
      'taints',
      async () => (await taints(l, 'n2')).join() === 'unreachable:NoExecute,unreachable:NoSchedule',
    );
    const taintedAt = l.clock.now();
    const pod = async () => l.get<Pod>('pods', 'default', 'on-n2');
    await l.until('pod not ready', async () =>
      (await pod())!.status!.conditions!.some((c) => c.type === 'Ready' && c.status === 'False'),
    );
    expect(await l.events('NodeNotReady')).toEqual(
      expect.arrayContaining([
        'Normal NodeNotReady Node n2 status is now: NodeNotReady',
        'Warning NodeNotReady Node is not ready',
      ]),
    );
    await l.until('evicted', async () => (await pod())?.metadata.deletionTimestamp !== undefined);
    expect(l.clock.now() - taintedAt).toBeGreaterThanOrEqual(299_000);
    expect(l.clock.now() - taintedAt).toBeLessThan(305_000);
    expect((await pod())!.status!.conditions!.find((c) => c.type === 'DisruptionTarget')).toMatchObject({
      reason: 'DeletionByTaintManager',
      message: 'Taint manager: deleting due to NoExecute taint',
    });
    expect(await l.events('TaintManagerEviction')).toEqual([
      'Normal TaintManagerEviction Marking for deletion Pod default/on-n2',
    ]);
    expect(await taints(l, 'n1')).toEqual([]);
    healthy.stop();
  });

  it('that comes back in time keeps its pods', async () => {
    await using l = lab();
    const [healthy, lost] = [await startNode(l, 'n1'), await startNode(l, 'n2')];
    await podOn(l, 'n2', 300);
    lost.stop();
    await l.until('tainted', async () => (await taints(l, 'n2')).includes('unreachable:NoExecute'));
    const at = rfc3339(l.clock.now());
    const current = (await node(l, 'n2'))!;
    const conditions = current.status!.conditions!.map((c) => ({
      ...c,
      status: c.type === 'Ready' ? ('True' as const) : ('False' as const),
      lastHeartbeatTime: at,
    }));
    await l.client.resource<Node>('nodes').updateStatus({ ...current, status: { conditions } });
    await l.until('clean', async () => (await taints(l, 'n2')).length === 0);
    await l.until('cancelled', async () => (await l.events('TaintManagerEviction')).length > 0);
    expect(await l.events('TaintManagerEviction')).toEqual([
      'Normal TaintManagerEviction Cancelling deletion of Pod default/on-n2',
    ]);
    expect((await l.get<Pod>('pods', 'default', 'on-n2'))!.metadata.deletionTimestamp).toBeUndefined();
    healthy.stop();
  });

  it('is not tainted when all nodes fall silent at once', async () => {
    await using l = lab();
    const kubelets = [await startNode(l, 'n1'), await startNode(l, 'n2')];
    for (const kubelet of kubelets) kubelet.stop();
    await l.until(
      'both unknown',
      async () => (await ready(l, 'n1'))?.status === 'Unknown' && (await ready(l, 'n2'))?.status === 'Unknown',
    );
    await l.clock.advance(60_000);
    expect(await taints(l, 'n1')).toEqual(['unreachable:NoSchedule']);
    expect(await taints(l, 'n2')).toEqual(['unreachable:NoSchedule']);
  });

  it.each([
    ['refuses', () => newInternalError('injected')],
    ['is away', () => new ConnectionError('dial tcp: connect: connection refused')],
  ])(
    'that is back keeps its taints while the server %s, and loses them then; the monitor goes on',
    async (_, error) => {
      await using l = lab();
      const { stop } = await startNode(l, 'quiet');
      await startNode(l, 'other');
      stop();
      await l.until('tainted', async () => (await taints(l, 'quiet')).length === 2);
      let refused = 0;
      const restore = l.api.intercept(({ headers }, { resource, verb, name }) => {
        if (!headers?.['x-user']?.endsWith(':node-controller') || resource !== 'nodes' || name !== 'quiet') return;
        if (verb === 'get' || verb === 'list' || verb === 'watch') return;
        refused++;
        throw error();
      });
      const client = l.client.resource<Node>('nodes');
      const back = deepCopy(await client.get('quiet')) as Node;
      const at = rfc3339(l.clock.now());
      back.status!.conditions!.find(({ type }) => type === 'Ready')!.status = 'True';
      for (const each of back.status!.conditions!) each.lastHeartbeatTime = at;
      await client.updateStatus(back);
      // Two turns of the monitor.
      await l.clock.advance(11_000);
      expect(refused).toBeGreaterThan(2);
      expect(await taints(l, 'quiet')).toContain('unreachable:NoExecute');
      restore();
      await l.until('free', async () => (await taints(l, 'quiet')).length === 0, 60_000);
    },
  );

  it('gets NoSchedule taints for its conditions and for cordoning', async () => {
    await using l = lab();
    const kubelet = await startNode(l, 'n1');
    await l.client.resource('nodes').patch('n1', 'merge', { spec: { unschedulable: true } });
    const current = (await node(l, 'n1'))!;
    const conditions = current.status!.conditions!.map((c) =>
      c.type === 'MemoryPressure' ? { ...c, status: 'True' as const } : c,
    );
    await l.client.resource<Node>('nodes').updateStatus({ ...current, status: { conditions } });
    await l.until(
      'both',
      async () => (await taints(l, 'n1')).join() === 'memory-pressure:NoSchedule,unschedulable:NoSchedule',
    );
    await l.client.resource('nodes').patch('n1', 'merge', { spec: { unschedulable: null } });
    await l.until('one', async () => (await taints(l, 'n1')).join() === 'memory-pressure:NoSchedule');
    kubelet.stop();
  });
});

describe('pods nobody looks after', () => {
  it('go when their node has been missing for 40 s, failed with the reason', async () => {
    await using l = new Lab();
    l.start(new PodGarbageCollector(l.context));
    await podOn(l, 'ghost');
    const since = l.clock.now();
    await l.until('gone', async () => (await l.get('pods', 'default', 'on-ghost')) === undefined);
    expect(l.clock.now() - since).toBeGreaterThanOrEqual(40_000);
    const patch = l.api.requests.find((r) => r.method === 'PATCH' && r.path.endsWith('/on-ghost/status'));
    expect(patch?.body).toMatchObject({
      status: { phase: 'Failed', conditions: [{ reason: 'DeletionByPodGC', message: 'PodGC: node no longer exists' }] },
    });
  });

  it('go oldest first when too many have ended', async () => {
    await using l = new Lab({ terminatedPodGCThreshold: 2 });
    for (const name of ['a', 'b', 'c']) {
      const pod = await l.create('pods', {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: 'default' },
        spec: { containers: [] },
      } as unknown as Pod);
      await l.client.resource<Pod>('pods').updateStatus({ ...pod, status: { phase: 'Succeeded' } });
      await l.clock.advance(1000);
    }
    l.start(new PodGarbageCollector(l.context));
    await l.until('two left', async () => (await l.list('pods')).length === 2);
    expect((await l.list('pods')).map((pod) => pod.metadata.name)).toEqual(['b', 'c']);
  });
});

describe('pod address ranges', () => {
  it('are given to nodes in turn, keep what nodes have, and say when there are no more', async () => {
    await using l = new Lab({ clusterCidrs: ['10.1.0.0/22'], nodeCidrMaskSizeIPv4: 24 });
    const create = (name: string, podCIDR?: string) =>
      l.create<Node>('nodes', {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name },
        ...(podCIDR ? { spec: { podCIDR, podCIDRs: [podCIDR] } } : {}),
      });
    await create('old', '10.1.1.0/24');
    l.start(new NodeIpamController(l.context));
    for (const name of ['a', 'b', 'c']) await create(name);
    const cidr = async (name: string) => (await node(l, name))?.spec?.podCIDR;
    await l.until(
      'all have one',
      async () => (await cidr('a')) !== undefined && (await cidr('b')) !== undefined && (await cidr('c')) !== undefined,
    );
    expect([await cidr('a'), await cidr('b'), await cidr('c')]).toEqual(['10.1.0.0/24', '10.1.2.0/24', '10.1.3.0/24']);
    await create('d');
    await l.until('event', async () => (await l.events('CIDRNotAvailable')).length > 0);
    await l.client.resource('nodes').delete('b');
    await l.until('d has the free one', async () => (await cidr('d')) === '10.1.2.0/24');
  });
});
