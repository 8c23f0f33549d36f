import { describe, expect, it } from 'vitest';
import type { Pod, ReplicationController as RC } from '../../src/api/index.ts';
import { ReplicationController } from '../../src/controllers/index.ts';
import { Lab } from '../helpers/controllers.ts';

const labels = { app: 'web' };
const make = (replicas: number): RC =>
  ({
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas,
      selector: labels,
      template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'nginx' }] } },
    },
  }) as RC;

describe('a replication controller', () => {
  it('keeps its pods as a replica set does, under its own name', async () => {
    await using l = new Lab();
    l.start(new ReplicationController(l.context)).autoRun();
    await l.create('replicationcontrollers', make(3));
    const web = () => l.get<RC>('replicationcontrollers', 'default', 'web');
    await l.until('3 ready', async () => (await web())?.status?.readyReplicas === 3);
    expect((await web())!.status).toEqual({
      replicas: 3,
      fullyLabeledReplicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
      observedGeneration: 1,
    });
    const pods = await l.list<Pod>('pods');
    expect(pods[0]!.metadata.ownerReferences![0]).toMatchObject({ apiVersion: 'v1', kind: 'ReplicationController' });
    const request = l.api.requests.find((r) => r.method === 'POST' && r.path.endsWith('/pods'))!;
    expect(request.headers!['x-user']).toBe('system:serviceaccount:kube-system:replication-controller');
    await l.client
      .resource('replicationcontrollers')
      .namespace('default')
      .patch('web', 'merge', { spec: { replicas: 1 } });
    await l.until('one pod', async () => (await l.list('pods')).length === 1);
    expect(await l.events('SuccessfulDelete')).toHaveLength(2);
  });
});
