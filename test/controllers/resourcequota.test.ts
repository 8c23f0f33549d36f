import { describe, expect, it } from 'vitest';
import type { Pod, ResourceQuota } from '../../src/api/index.ts';
import { ResourceQuotaController } from '../../src/controllers/index.ts';
import { Lab } from '../helpers/controllers.ts';

function makeQuota(hard: Record<string, string>, spec: object = {}): ResourceQuota {
  return {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'q', namespace: 'default' },
    spec: { hard, ...spec },
  } as ResourceQuota;
}

const makePod = (name: string, resources: object = {}): Pod =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'x', resources }] },
  }) as Pod;

function lab(): Lab {
  const made = new Lab();
  return made.start(new ResourceQuotaController(made.context));
}

const status = async (l: Lab) => (await l.get<ResourceQuota>('resourcequotas', 'default', 'q'))?.status;
const used = (l: Lab, what: string, value: string) =>
  l.until(`${what} ${value}`, async () => (await status(l))?.used?.[what] === value);

describe('a quota', () => {
  it('says what its namespace uses, and what it allows', async () => {
    await using l = lab();
    await l.create('pods', makePod('a', { requests: { cpu: '100m', memory: '1Gi' }, limits: { cpu: '1' } }));
    await l.create('pods', makePod('b', { requests: { cpu: '200m' } }));
    await l.create('pods', { ...makePod('other'), metadata: { name: 'other', namespace: 'elsewhere' } } as Pod);
    const claim = {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '5Gi' } },
      storageClassName: 'fast',
    };
    await l.create('persistentvolumeclaims', {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'd', namespace: 'default' },
      spec: claim,
    });
    const hard = {
      pods: '10',
      'requests.cpu': '2',
      memory: '4Gi',
      'limits.cpu': '4',
      configmaps: '5',
      'requests.storage': '10Gi',
      'fast.storageclass.storage.k8s.io/requests.storage': '10Gi',
      'count/deployments.apps': '3',
      'count/nobody.serves.this': '1',
    };
    await l.create('resourcequotas', makeQuota(hard));
    await used(l, 'pods', '2');
    expect(await status(l)).toEqual({
      hard,
      used: {
        pods: '2',
        'requests.cpu': '300m',
        memory: '1Gi',
        'limits.cpu': '1',
        configmaps: '0',
        'requests.storage': '5Gi',
        'fast.storageclass.storage.k8s.io/requests.storage': '5Gi',
        'count/deployments.apps': '0',
        'count/nobody.serves.this': '0',
      },
    });
  });

  it('gives back what ended and what went', async () => {
    await using l = lab();
    await l.create('resourcequotas', makeQuota({ pods: '5' }));
    await used(l, 'pods', '0');
    for (const name of ['a', 'b']) await l.create('pods', makePod(name));
    await used(l, 'pods', '2');
    const a = (await l.get<Pod>('pods', 'default', 'a'))!;
    await l.client.resource<Pod>('pods').updateStatus({ ...a, status: { phase: 'Succeeded' } } as Pod);
    await used(l, 'pods', '1');
    await l.client.resource('pods').namespace('default').delete('b');
    await used(l, 'pods', '0');
  });

  it('follows its spec, and heals a wrong count within five minutes', async () => {
    await using l = lab();
    await l.create('resourcequotas', makeQuota({ pods: '5' }));
    await used(l, 'pods', '0');
    await l.client
      .resource('resourcequotas')
      .namespace('default')
      .patch('q', 'merge', { spec: { hard: { pods: '7' } } });
    await l.until('new hard', async () => (await status(l))!.hard!['pods'] === '7');
    const quota = (await l.get<ResourceQuota>('resourcequotas', 'default', 'q'))!;
    const wrong = { ...quota, status: { hard: { pods: '7' }, used: { pods: '3' } } } as ResourceQuota;
    await l.client.resource<ResourceQuota>('resourcequotas').updateStatus(wrong);
    const from = l.clock.now();
    await used(l, 'pods', '0');
    expect(l.clock.now() - from).toBeLessThanOrEqual(300_000);
  });

  it('counts only what its scopes say', async () => {
    await using l = lab();
    await l.create('pods', makePod('best'));
    await l.create('pods', makePod('burst', { requests: { cpu: '1' } }));
    await l.create('resourcequotas', makeQuota({ pods: '5' }, { scopes: ['BestEffort'] }));
    await used(l, 'pods', '1');
  });
});
