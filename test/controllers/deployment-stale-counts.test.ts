/** A rollout whose ReplicaSets say what they had before they shrank: the ReplicaSet controller is played by hand. */
import { expect, it } from 'vitest';
import type { Deployment, ReplicaSet } from '../../src/api/index.ts';
import { DeploymentController } from '../../src/controllers/index.ts';
import { Lab } from '../helpers/controllers.ts';

it('a status that counts pods from before the set shrank is not counted twice', async () => {
  await using l = new Lab();
  l.start(new DeploymentController(l.context));
  const labels = { app: 'web' };
  await l.create<Deployment>('deployments', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas: 4,
      selector: { matchLabels: labels },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 2, maxUnavailable: 1 } },
      template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'nginx:1' }] } },
    },
  } as Deployment);
  const sets = () => l.list<ReplicaSet>('replicasets', 'default');
  const imageOf = (set: Readonly<ReplicaSet>) => set.spec!.template!.spec!.containers[0]!.image;
  const find = async (image: string) => (await sets()).find((set) => imageOf(set) === image);
  /** As the ReplicaSet controller writes it: its generation seen, with these counts. */
  const report = async (image: string, available: number) => {
    const set = (await find(image))!;
    await l.client.resource<ReplicaSet>('replicasets').updateStatus({
      ...set,
      status: {
        replicas: available,
        readyReplicas: available,
        availableReplicas: available,
        observedGeneration: set.metadata.generation!,
      },
    });
    await l.clock.advance(5_000);
  };
  await l.until('made', async () => (await find('nginx:1')) !== undefined);
  await report('nginx:1', 4);
  await l.client
    .resource('deployments')
    .namespace('default')
    .patch('web', 'merge', {
      spec: { template: { spec: { containers: [{ name: 'web', image: 'nginx:2' }] } } },
    });
  await l.until('second made', async () => (await find('nginx:2')) !== undefined);
  await report('nginx:2', 0);
  // One may be missing: three old ones remain, and with the surge of two the new ones are three.
  expect([(await find('nginx:1'))!.spec!.replicas, (await find('nginx:2'))!.spec!.replicas]).toEqual([3, 3]);
  // Its pods are going, its status still counts them.
  await report('nginx:1', 4);
  await report('nginx:2', 0);
  expect((await find('nginx:1'))!.spec!.replicas).toBe(3);
  await report('nginx:2', 2);
  // Three old ones and two new ones: two more than must stay, not three.
  expect((await find('nginx:1'))!.spec!.replicas).toBe(1);
});
