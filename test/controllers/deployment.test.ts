import { describe, expect, it } from 'vitest';
import type { Deployment, Pod, ReplicaSet } from '../../src/api/index.ts';
import { DeploymentController, ReplicaSetController } from '../../src/controllers/index.ts';
import { Lab } from '../helpers/controllers.ts';

function lab(): Lab {
  const made = new Lab();
  return made.start(new DeploymentController(made.context), new ReplicaSetController(made.context));
}

function makeDeployment(replicas: number, change: Record<string, unknown> = {}): Deployment {
  const labels = { app: 'web' };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'nginx:1' }] } },
      ...change,
    },
  } as Deployment;
}

const web = (lab: Lab) => lab.get<Deployment>('deployments', 'default', 'web');

async function complete(lab: Lab, replicas: number): Promise<void> {
  await lab.until(`${replicas} replicas updated and available`, async () => {
    const deployment = await web(lab);
    const { status, metadata } = deployment!;
    return (
      status?.observedGeneration === metadata.generation &&
      status?.updatedReplicas === replicas &&
      status?.availableReplicas === replicas &&
      status?.replicas === replicas
    );
  });
}

async function setImage(lab: Lab, image: string): Promise<void> {
  const spec = { template: { spec: { containers: [{ name: 'web', image }] } } };
  await lab.client.resource('deployments').namespace('default').patch('web', 'merge', { spec });
}

describe('a deployment', () => {
  it('creates a replica set of its template, and reports when all pods are available', async () => {
    await using l = lab().autoRun();
    await l.create('deployments', makeDeployment(3));
    await complete(l, 3);

    const [rs] = await l.list<ReplicaSet>('replicasets');
    expect(rs!.metadata.name).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]+$/);
    expect(rs!.metadata.name).toBe(`web-${rs!.metadata.labels!['pod-template-hash']}`);
    expect(rs!.metadata.annotations).toEqual({
      'deployment.kubernetes.io/desired-replicas': '3',
      'deployment.kubernetes.io/max-replicas': '4',
      'deployment.kubernetes.io/revision': '1',
    });
    const deployment = (await web(l))!;
    expect(deployment.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('1');
    const conditions = deployment.status!.conditions!.map((c) => [c.type, c.status, c.reason, c.message]);
    expect(conditions).toContainEqual([
      'Available',
      'True',
      'MinimumReplicasAvailable',
      'Deployment has minimum availability.',
    ]);
    expect(conditions).toContainEqual([
      'Progressing',
      'True',
      'NewReplicaSetAvailable',
      `ReplicaSet "${rs!.metadata.name}" has successfully progressed.`,
    ]);
    expect(await l.events('ScalingReplicaSet')).toEqual([
      `Normal ScalingReplicaSet Scaled up replica set ${rs!.metadata.name} from 0 to 3`,
    ]);
  });

  it('rolls a new template out within surge and unavailability, and keeps the old replica set at zero', async () => {
    await using l = lab().autoRun();
    await l.create('deployments', makeDeployment(4));
    await complete(l, 4);
    let most = 0;
    let leastReady = 4;
    const pods = l.context.informers.informer('pods');
    const count = () => {
      const all = pods.lister.list().filter((pod) => !pod.metadata.deletionTimestamp);
      most = Math.max(most, all.length);
      leastReady = Math.min(leastReady, all.filter((pod) => pod['status']?.phase === 'Running').length);
    };
    pods.addHandler({ onAdd: count, onUpdate: count, onDelete: count });
    await setImage(l, 'nginx:2');
    await complete(l, 4);
    expect(most).toBeLessThanOrEqual(5);
    expect(leastReady).toBeGreaterThanOrEqual(3);
    const sets = await l.list<ReplicaSet>('replicasets');
    const sizes = sets.map((rs) => [rs.metadata.annotations!['deployment.kubernetes.io/revision'], rs.spec!.replicas]);
    expect(sizes.sort()).toEqual([
      ['1', 0],
      ['2', 4],
    ]);
  });

  it('goes back to an older template by making its replica set the newest revision', async () => {
    await using l = lab().autoRun();
    await l.create('deployments', makeDeployment(2));
    await complete(l, 2);
    await setImage(l, 'nginx:2');
    await complete(l, 2);
    await l.client
      .resource('deployments')
      .namespace('default')
      .patch('web', 'merge', {
        metadata: { annotations: { 'deprecated.deployment.rollback.to': '0' } },
      });
    await l.until('rolled back', async () => (await l.events('DeploymentRollback')).length > 0);
    await complete(l, 2);
    const deployment = (await web(l))!;
    expect(deployment.spec!.template!.spec!.containers[0]!.image).toBe('nginx:1');
    expect(deployment.metadata.annotations!['deployment.kubernetes.io/revision']).toBe('3');
    expect(await l.events('DeploymentRollback')).toEqual([
      'Normal DeploymentRollback Rolled back deployment "web" to revision 1',
    ]);
    const first = (await l.list<ReplicaSet>('replicasets')).find((rs) => rs.spec!.replicas === 2)!;
    expect(first.metadata.annotations!['deployment.kubernetes.io/revision-history']).toBe('1');
  });

  it('stops after its progress deadline when the new pods never become ready', async () => {
    await using l = lab().autoRun({ ready: (pod) => pod.spec!.containers[0]!.image !== 'broken' });
    await l.create('deployments', makeDeployment(4, { progressDeadlineSeconds: 60 }));
    await complete(l, 4);
    await setImage(l, 'broken');
    await l.until('deadline exceeded', async () =>
      (await web(l))!.status!.conditions!.some((c) => c.reason === 'ProgressDeadlineExceeded' && c.status === 'False'),
    );
    const deployment = (await web(l))!;
    expect(deployment.status!.availableReplicas).toBe(3);
    const { message } = deployment.status!.conditions!.find((c) => c.type === 'Progressing')!;
    expect(message).toMatch(/^ReplicaSet "web-.*" has timed out progressing\.$/);
  });

  it('with Recreate, starts no new pod before the last old one is gone', async () => {
    await using l = lab().autoRun();
    await l.create('deployments', makeDeployment(3, { strategy: { type: 'Recreate' } }));
    await complete(l, 3);
    const images = new Set<string>();
    let mixed = false;
    const pods = l.context.informers.informer('pods');
    const check = () => {
      const now = new Set(pods.lister.list().map((pod) => pod['spec'].containers[0].image));
      for (const image of now) images.add(image);
      mixed ||= now.size > 1;
    };
    pods.addHandler({ onAdd: check, onUpdate: check, onDelete: check });
    await setImage(l, 'nginx:2');
    await complete(l, 3);
    expect([...images].sort()).toEqual(['nginx:1', 'nginx:2']);
    expect(mixed).toBe(false);
  });

  it('shares a scale-up among old and new replica sets while a rollout is paused in the middle', async () => {
    await using l = lab().autoRun({ ready: (pod) => pod.spec!.containers[0]!.image !== 'broken' });
    await l.create(
      'deployments',
      makeDeployment(10, { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } } }),
    );
    await complete(l, 10);
    await setImage(l, 'broken');
    const sizes = async () => {
      const sets = await l.list<ReplicaSet>('replicasets');
      return Object.fromEntries(sets.map((rs) => [rs.spec!.template!.spec!.containers[0]!.image, rs.spec!.replicas]));
    };
    await l.until('8 old and 5 new', async () => {
      const now = await sizes();
      return now['nginx:1'] === 8 && now['broken'] === 5;
    });
    await l.client
      .resource('deployments')
      .namespace('default')
      .patch('web', 'merge', { spec: { replicas: 15 } });
    await l.until('18 in the same proportion', async () => {
      const now = await sizes();
      return now['nginx:1'] === 11 && now['broken'] === 7;
    });
  });

  it('paused, does not roll out, and says so', async () => {
    await using l = lab().autoRun();
    await l.create('deployments', makeDeployment(2));
    await complete(l, 2);
    await l.client
      .resource('deployments')
      .namespace('default')
      .patch('web', 'merge', { spec: { paused: true } });
    await l.until('condition', async () =>
      (await web(l))!.status!.conditions!.some((c) => c.reason === 'DeploymentPaused'),
    );
    await setImage(l, 'nginx:2');
    await l.until('generation seen', async () => (await web(l))!.status!.observedGeneration === 3);
    expect(await l.list('replicasets')).toHaveLength(1);
    await l.client
      .resource('deployments')
      .namespace('default')
      .patch('web', 'merge', { spec: { paused: false } });
    await complete(l, 2);
    expect(await l.list('replicasets')).toHaveLength(2);
  });

  it('takes another name when its hash is taken by a different template', async () => {
    await using l = lab().autoRun();
    await l.create('deployments', makeDeployment(1));
    await complete(l, 1);
    const [first] = await l.list<ReplicaSet>('replicasets');
    await l.client.resource('deployments').namespace('default').delete('web');
    await l.until('gone', async () => (await web(l)) === undefined);
    // Same name, another owner and template: a collision.
    await l.client
      .resource('replicasets')
      .namespace('default')
      .patch(first!.metadata.name!, 'merge', {
        metadata: {
          ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'other', uid: 'x', controller: true }],
        },
      });
    await l.create('deployments', makeDeployment(1));
    await complete(l, 1);
    expect((await web(l))!.status!.collisionCount).toBe(1);
    expect(await l.list('replicasets')).toHaveLength(2);
  });

  it('keeps only as many old replica sets as the history limit allows', async () => {
    await using l = lab().autoRun();
    await l.create('deployments', makeDeployment(1, { revisionHistoryLimit: 1 }));
    for (let i = 2; i <= 4; i++) {
      await complete(l, 1);
      await setImage(l, `nginx:${i}`);
    }
    await complete(l, 1);
    await l.until('two left', async () => (await l.list('replicasets')).length === 2);
    const revisions = (await l.list<ReplicaSet>('replicasets')).map(
      (rs) => rs.metadata.annotations!['deployment.kubernetes.io/revision'],
    );
    expect(revisions.sort()).toEqual(['3', '4']);
  });

  it('of thousands comes in bursts of 500, each pod once, and goes again', async () => {
    await using l = lab().autoRun();
    const posts = () => l.api.requests.filter((r) => r.method === 'POST' && r.path.endsWith('/pods')).length;
    let pods = 0;
    l.context.informers.informer<Pod>('pods').addHandler({ onAdd: () => void pods++, onDelete: () => void pods-- });
    const sizes = [0];
    l.context.informers.informer<ReplicaSet>('replicasets').addHandler({
      onUpdate: (_, rs) => {
        const size = rs.status?.replicas ?? 0;
        if (size > sizes.at(-1)!) sizes.push(size);
      },
    });
    const from = l.clock.now();
    await l.create('deployments', makeDeployment(5000));
    await complete(l, 5000);
    expect(l.clock.now() - from).toBeLessThan(60_000);
    expect([posts(), pods, sizes.at(-1)]).toEqual([5000, 5000, 5000]);
    expect(Math.max(...sizes.slice(1).map((size, i) => size - sizes[i]!))).toBeLessThanOrEqual(500);
    expect(await l.events('ScalingReplicaSet')).toHaveLength(1);
    await l.client
      .resource('deployments')
      .namespace('default')
      .patch('web', 'merge', { spec: { replicas: 0 } });
    await l.until('all gone', async () => pods === 0 && (await web(l))!.status?.replicas === undefined);
    expect(posts()).toBe(5000);
  }, 60_000);
});
