import { describe, expect, it } from 'vitest';
import type { Pod, ReplicaSet } from '../../src/api/index.ts';
import { newForbidden, newInternalError } from '../../src/apimachinery/index.ts';
import { ReplicaSetController } from '../../src/controllers/index.ts';
import { Lab } from '../helpers/controllers.ts';

const labels = { app: 'web' };

function makeReplicaSet(replicas: number, change: Record<string, unknown> = {}): ReplicaSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'nginx' }] } },
      ...change,
    },
  } as ReplicaSet;
}

function makePod(name: string, change: Partial<Pod> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels, ...change.metadata },
    spec: { containers: [{ name: 'web', image: 'nginx' }], ...change.spec },
  } as Pod;
}

const web = (lab: Lab) => lab.get<ReplicaSet>('replicasets', 'default', 'web');
const scale = (lab: Lab, replicas: number) =>
  lab.client.resource('replicasets').namespace('default').patch('web', 'merge', { spec: { replicas } });

function lab(): Lab {
  const made = new Lab();
  return made.start(new ReplicaSetController(made.context));
}

describe('a replica set', () => {
  it('creates its pods once, in growing batches, and counts them', async () => {
    await using l = lab().autoRun();
    await l.create('replicasets', makeReplicaSet(7));
    await l.until('7 ready', async () => (await web(l))?.status?.readyReplicas === 7);
    expect(l.api.requests.filter((r) => r.method === 'POST' && r.path.endsWith('/pods'))).toHaveLength(7);
    const [pod] = await l.list<Pod>('pods');
    expect(pod!.metadata.name).toMatch(/^web-[a-z0-9]{5}$/);
    expect(pod!.metadata.ownerReferences).toEqual([
      expect.objectContaining({ kind: 'ReplicaSet', name: 'web', controller: true, blockOwnerDeletion: true }),
    ]);
    expect((await web(l))!.status).toMatchObject({
      replicas: 7,
      fullyLabeledReplicas: 7,
      availableReplicas: 7,
      terminatingReplicas: 0,
    });
    expect(await l.events('SuccessfulCreate')).toHaveLength(7);
  });

  it('stops its batches at the first refusal and says why', async () => {
    await using l = lab();
    const restore = l.api.intercept((_, { resource, verb }) => {
      if (resource === 'pods' && verb === 'create')
        throw newForbidden({ group: '', resource: 'pods' }, '', 'exceeded quota');
    });
    await l.create('replicasets', makeReplicaSet(50));
    await l.until('condition', async () => (await web(l))?.status?.conditions?.[0]?.reason === 'FailedCreate');
    expect((await web(l))!.status!.conditions![0]).toMatchObject({
      type: 'ReplicaFailure',
      status: 'True',
      message: 'pods is forbidden: exceeded quota',
    });
    expect(await l.events('FailedCreate')).toContain(
      'Warning FailedCreate Error creating: pods is forbidden: exceeded quota',
    );
    const refused = l.api.requests.filter((r) => r.method === 'POST' && r.path.endsWith('/pods')).length;
    expect(refused).toBeLessThan(10);
    restore();
    await l.until('50 pods', async () => (await l.list('pods')).length === 50);
    await l.until('condition gone', async () => (await web(l))!.status!.conditions === undefined);
  });

  it('adopts orphans that match and releases pods that no longer do', async () => {
    await using l = lab();
    await l.create('pods', makePod('orphan'));
    await l.create('replicasets', makeReplicaSet(2));
    await l.until('two pods', async () => (await web(l))?.status?.replicas === 2);
    const orphan = (await l.get<Pod>('pods', 'default', 'orphan'))!;
    expect(orphan.metadata.ownerReferences?.[0]?.name).toBe('web');
    expect(await l.list('pods')).toHaveLength(2);
    await l.client
      .resource('pods')
      .namespace('default')
      .patch('orphan', 'merge', { metadata: { labels: { app: 'other' } } });
    await l.until('replaced', async () => (await l.list('pods')).length === 3);
    expect((await l.get<Pod>('pods', 'default', 'orphan'))!.metadata.ownerReferences ?? []).toEqual([]);
  });

  it('deletes the least useful pods first', async () => {
    await using l = lab();
    await l.create('replicasets', makeReplicaSet(4));
    await l.until('four pods', async () => (await l.list('pods')).length === 4);
    const [a, b, c] = (await l.list<Pod>('pods')).map((pod) => pod.metadata.name!);
    const pod = async (name: string) => (await l.get<Pod>('pods', 'default', name))!;
    // a and b run ready, b is cheap to delete; c runs but is not ready; the fourth has no node.
    await l.run(await pod(a!));
    await l.run(await pod(b!));
    await l.run(await pod(c!), false);
    await l.client
      .resource('pods')
      .namespace('default')
      .patch(b!, 'merge', {
        metadata: { annotations: { 'controller.kubernetes.io/pod-deletion-cost': '-5' } },
      });
    const alive = async () =>
      (await l.list<Pod>('pods')).filter((p) => !p.metadata.deletionTimestamp).map((p) => p.metadata.name);
    for (const [left, expected] of [
      [3, [a, b, c]],
      [2, [a, b]],
      [1, [a]],
    ] as const) {
      await scale(l, left);
      await l.until(`${left} left`, async () => (await alive()).length === left);
      expect((await alive()).sort()).toEqual([...expected].sort());
    }
  });

  it('waits minReadySeconds before a pod counts as available', async () => {
    await using l = lab().autoRun();
    await l.create('replicasets', makeReplicaSet(1, { minReadySeconds: 30 }));
    await l.until('ready', async () => (await web(l))?.status?.readyReplicas === 1);
    const readyAt = l.clock.now();
    await l.until('available', async () => (await web(l))!.status!.availableReplicas === 1);
    expect(l.clock.now() - readyAt).toBeGreaterThanOrEqual(29_000);
    expect(l.clock.now() - readyAt).toBeLessThan(32_000);
  });

  it('does not create again while its cache has not seen what it created', async () => {
    await using l = lab();
    await l.create('replicasets', makeReplicaSet(0));
    await l.until('status', async () => (await web(l))?.status?.observedGeneration === 1);
    // Pod watches are cut and stay cut: creations succeed, but nobody tells the controller.
    const restore = l.api.intercept((_, { resource, verb }) => {
      if (resource === 'pods' && (verb === 'watch' || verb === 'list')) throw newInternalError('no watch');
    });
    l.api.dropWatches();
    await scale(l, 3);
    const posts = () => l.api.requests.filter((r) => r.method === 'POST' && r.path.endsWith('/pods')).length;
    await l.until('three created', () => posts() === 3);
    await l.clock.advance(60_000);
    await l.client
      .resource('replicasets')
      .namespace('default')
      .patch('web', 'merge', { metadata: { labels: { touched: 'yes' } } });
    await l.clock.advance(60_000);
    expect(posts()).toBe(3);
    restore();
    await l.until('all three counted', async () => (await web(l))!.status!.replicas === 3);
    expect(posts()).toBe(3);
  });

  it('tries a failed status write again', async () => {
    await using l = lab();
    let failures = 2;
    l.api.intercept((request) => {
      if (request.path.endsWith('/replicasets/web/status') && failures-- > 0) throw newInternalError('no luck');
    });
    await l.create('replicasets', makeReplicaSet(1));
    await l.until('status', async () => (await web(l))?.status?.replicas === 1);
  });
});
