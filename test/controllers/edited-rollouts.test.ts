/** Workloads whose template changes again while the change before is still on its way. */
import { describe, expect, it } from 'vitest';
import type { DaemonSet, Deployment, Node, Pod, ReplicaSet, StatefulSet } from '../../src/api/index.ts';
import type { KubeObject } from '../../src/apimachinery/index.ts';
import {
  DaemonSetController,
  DeploymentController,
  ReplicaSetController,
  StatefulSetController,
} from '../../src/controllers/index.ts';
import { Lab } from '../helpers/controllers.ts';

const labels = { app: 'web' };
const template = (image: string) => ({ metadata: { labels }, spec: { containers: [{ name: 'web', image }] } });

function workload<T extends KubeObject>(kind: string, spec: object): T {
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: { matchLabels: labels }, template: template('web:1'), ...spec },
  } as KubeObject as T;
}

const setImage = (l: Lab, resource: string, image: string) =>
  l.client
    .resource(resource)
    .namespace('default')
    .patch('web', 'merge', { spec: { template: template(image) } });

const imageOf = (pod: Readonly<Pod>) => pod.spec!.containers[0]!.image!;
const isReady = (pod: Readonly<Pod>) =>
  !pod.metadata.deletionTimestamp &&
  (pod.status?.conditions ?? []).some((c) => c.type === 'Ready' && c.status === 'True');
const ofImage = async (l: Lab, image: string) => (await l.list<Pod>('pods')).filter((pod) => imageOf(pod) === image);

/** From `begin` on: the fewest ready pods and the most pods that any write to a pod left, and the images ever seen. */
function watchPods(l: Lab) {
  const live = new Map<string, Readonly<Pod>>();
  const seen = { least: Number.POSITIVE_INFINITY, most: 0, images: new Set<string>() };
  let begun = false;
  const look = () => {
    if (!begun) return;
    seen.least = Math.min(seen.least, [...live.values()].filter(isReady).length);
    seen.most = Math.max(seen.most, live.size);
  };
  const keep = (pod: Readonly<Pod>) => {
    live.set(pod.metadata.uid!, pod);
    seen.images.add(imageOf(pod));
    look();
  };
  const onDelete = (pod: Readonly<Pod>) => {
    live.delete(pod.metadata.uid!);
    look();
  };
  l.context.informers.informer<Pod>('pods').addHandler({ onAdd: keep, onUpdate: (_, pod) => keep(pod), onDelete });
  const begin = () => {
    begun = true;
  };
  return { seen, begin };
}

/** Pods take five seconds to become ready, so that a change finds the one before half done. */
function slowPods(l: Lab): Lab {
  const started = new Set<string>();
  const act = (pod: Readonly<Pod>) => {
    const uid = pod.metadata.uid!;
    if (pod.metadata.deletionTimestamp) void l.finish(pod);
    else if (!started.has(uid)) {
      started.add(uid);
      l.clock.schedule(5000, () => void l.run(pod).catch(() => {}));
    }
  };
  l.context.informers.informer<Pod>('pods').addHandler({ onAdd: act, onUpdate: (_, pod) => act(pod) });
  return l;
}

describe('a template that changes in the middle of a rollout', () => {
  it('of a deployment: the half-grown replica set shrinks with the oldest, and surge and unavailability hold', async () => {
    const l = new Lab();
    await using _ = l.start(new DeploymentController(l.context), new ReplicaSetController(l.context));
    const { seen, begin } = watchPods(slowPods(l));
    const rollingUpdate = { maxSurge: 2, maxUnavailable: 1 };
    const strategy = { type: 'RollingUpdate', rollingUpdate };
    await l.create('deployments', workload<Deployment>('Deployment', { replicas: 8, strategy }));
    const deployment = async () => (await l.get<Deployment>('deployments', 'default', 'web'))!;
    const complete = async () => {
      const { status, metadata } = await deployment();
      const counts = [status?.updatedReplicas, status?.availableReplicas, status?.replicas];
      return status?.observedGeneration === metadata.generation && counts.every((count) => count === 8);
    };
    await l.until('first version', complete);
    begin();
    await setImage(l, 'deployments', 'web:2');
    await l.until('half way', async () => (await ofImage(l, 'web:2')).filter(isReady).length >= 3);
    expect((await ofImage(l, 'web:1')).length).toBeGreaterThan(0);
    await setImage(l, 'deployments', 'web:3');
    await l.until('last version', complete);
    expect(await ofImage(l, 'web:3')).toHaveLength(8);
    expect(seen.least).toBeGreaterThanOrEqual(7);
    expect(seen.most).toBeLessThanOrEqual(10);
    const sets = await l.list<ReplicaSet>('replicasets');
    const byRevision = sets.map(({ metadata, spec }) => [
      metadata.annotations!['deployment.kubernetes.io/revision'],
      spec!.template!.spec!.containers[0]!.image,
      spec!.replicas,
    ]);
    expect(byRevision.sort()).toEqual([
      ['1', 'web:1', 0],
      ['2', 'web:2', 0],
      ['3', 'web:3', 8],
    ]);
  });

  it('of a deployment, back to where it came from: the old replica set grows again under a new revision', async () => {
    const l = new Lab();
    await using _ = l.start(new DeploymentController(l.context), new ReplicaSetController(l.context));
    slowPods(l);
    await l.create('deployments', workload<Deployment>('Deployment', { replicas: 6 }));
    await l.until('first version', async () => (await ofImage(l, 'web:1')).filter(isReady).length === 6);
    await setImage(l, 'deployments', 'web:2');
    await l.until('half way', async () => (await ofImage(l, 'web:2')).filter(isReady).length >= 2);
    const kept = new Set((await ofImage(l, 'web:1')).map((pod) => pod.metadata.uid));
    expect(kept.size).toBeGreaterThan(0);
    await setImage(l, 'deployments', 'web:1');
    await l.until('back', async () => {
      const pods = await l.list<Pod>('pods');
      return pods.length === 6 && pods.every((pod) => isReady(pod) && imageOf(pod) === 'web:1');
    });
    // What had not been replaced yet was left alone.
    const stayed = (await l.list<Pod>('pods')).filter((pod) => kept.has(pod.metadata.uid));
    expect(stayed).toHaveLength(kept.size);
    const sets = await l.list<ReplicaSet>('replicasets');
    expect(sets.map((rs) => rs.metadata.annotations!['deployment.kubernetes.io/revision']).sort()).toEqual(['2', '3']);
  });

  it('of a stateful set: every pod ends at the last template, one at a time, those not yet updated once only', async () => {
    const l = new Lab();
    await using _ = l.start(new StatefulSetController(l.context));
    const { seen, begin } = watchPods(slowPods(l));
    const made: string[] = [];
    l.context.informers.informer<Pod>('pods').addHandler({
      onAdd: (pod) => void made.push(`${pod.metadata.name} ${imageOf(pod)}`),
    });
    await l.create('statefulsets', workload<StatefulSet>('StatefulSet', { replicas: 4, serviceName: 'web' }));
    const set = async () => (await l.get<StatefulSet>('statefulsets', 'default', 'web'))!;
    await l.until('first version', async () => (await set()).status?.readyReplicas === 4);
    begin();
    made.length = 0;
    await setImage(l, 'statefulsets', 'web:2');
    await l.until('half way', async () => (await ofImage(l, 'web:2')).filter(isReady).length === 2);
    await setImage(l, 'statefulsets', 'web:3');
    await l.until('last version', async () => {
      const { metadata, status } = await set();
      return (
        status?.observedGeneration === metadata.generation &&
        status?.currentRevision === status?.updateRevision &&
        status?.readyReplicas === 4
      );
    });
    expect(await ofImage(l, 'web:3')).toHaveLength(4);
    expect(seen.least).toBeGreaterThanOrEqual(3);
    expect(made.filter((line) => line.startsWith('web-0 '))).toEqual(['web-0 web:3']);
    expect(made.filter((line) => line.startsWith('web-3 '))).toEqual(['web-3 web:2', 'web-3 web:3']);
    expect(await l.list('controllerrevisions')).toHaveLength(3);
  });

  it('of a daemon set: maxUnavailable holds over both changes', async () => {
    const l = new Lab();
    for (let i = 1; i <= 8; i++) {
      await l.create('nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: `n${i}` } } as Node);
    }
    await using _ = l.start(new DaemonSetController(l.context));
    const { seen, begin } = watchPods(slowPods(l));
    const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 2, maxSurge: 0 } };
    await l.create('daemonsets', workload<DaemonSet>('DaemonSet', { updateStrategy }));
    const set = async () => (await l.get<DaemonSet>('daemonsets', 'default', 'web'))!;
    await l.until('first version', async () => (await set()).status?.numberAvailable === 8);
    begin();
    await setImage(l, 'daemonsets', 'web:2');
    await l.until('half way', async () => (await ofImage(l, 'web:2')).filter(isReady).length >= 3);
    expect((await ofImage(l, 'web:1')).length).toBeGreaterThan(0);
    await setImage(l, 'daemonsets', 'web:3');
    await l.until('last version', async () => {
      const { metadata, status } = await set();
      return (
        status?.observedGeneration === metadata.generation &&
        status?.updatedNumberScheduled === 8 &&
        status?.numberAvailable === 8
      );
    });
    const pods = await ofImage(l, 'web:3');
    expect(new Set(pods.map((pod) => pod.spec!.nodeName)).size).toBe(8);
    expect(seen.least).toBeGreaterThanOrEqual(6);
    expect(seen.most).toBeLessThanOrEqual(8);
    expect([...seen.images]).toEqual(['web:1', 'web:2', 'web:3']);
  });
});
