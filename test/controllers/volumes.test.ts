import { describe, expect, it } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from '../../src/api/index.ts';
import type { CoreEvent } from '../../src/client/index.ts';
import {
  EphemeralVolumeController,
  PersistentVolumeBinder,
  PersistentVolumeClaimProtection,
  PersistentVolumeProtection,
  SimPathProvisioner,
  simPathProvisioner,
} from '../../src/controllers/index.ts';
import { Lab } from '../helpers/controllers.ts';

function makeVolume(name: string, size: string, spec: Record<string, unknown> = {}): PersistentVolume {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name, labels: { disk: name } },
    spec: {
      capacity: { storage: size },
      accessModes: ['ReadWriteOnce'],
      nfs: { path: '/x', server: 'nfs' },
      ...spec,
    },
  } as PersistentVolume;
}

function makeClaim(name: string, size: string, spec: Record<string, unknown> = {}): PersistentVolumeClaim {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace: 'default' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: size } },
      storageClassName: '',
      ...spec,
    },
  } as PersistentVolumeClaim;
}

function makeClass(name: string, change: Record<string, unknown> = {}): StorageClass {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name },
    provisioner: simPathProvisioner,
    reclaimPolicy: 'Delete',
    volumeBindingMode: 'Immediate',
    ...change,
  } as StorageClass;
}

const classes = 'storageclasses.storage.k8s.io';

function lab(): Lab {
  const made = new Lab();
  return made.start(
    new PersistentVolumeBinder(made.context),
    new SimPathProvisioner(made.context),
    new PersistentVolumeClaimProtection(made.context),
    new PersistentVolumeProtection(made.context),
    new EphemeralVolumeController(made.context),
  );
}

const claim = (l: Lab, name: string) => l.get<PersistentVolumeClaim>('persistentvolumeclaims', 'default', name);
const volume = (l: Lab, name: string) => l.get<PersistentVolume>('persistentvolumes', '', name);
const bound = (l: Lab, name: string) =>
  l.until(`${name} bound`, async () => (await claim(l, name))?.status?.phase === 'Bound');

describe('binding claims to volumes that are there', () => {
  it('takes the smallest that is large enough, and says Bound on both sides', async () => {
    await using l = lab();
    for (const [name, size] of [
      ['large', '10Gi'],
      ['small', '1Gi'],
      ['right', '5Gi'],
    ] as const) {
      await l.create('persistentvolumes', makeVolume(name, size));
    }
    await l.until('available', async () =>
      (await l.list<PersistentVolume>('persistentvolumes')).every((pv) => pv.status?.phase === 'Available'),
    );
    await l.create('persistentvolumeclaims', makeClaim('data', '3Gi'));
    await bound(l, 'data');
    const found = (await claim(l, 'data'))!;
    expect(found.spec!.volumeName).toBe('right');
    expect(found.status).toEqual({ phase: 'Bound', accessModes: ['ReadWriteOnce'], capacity: { storage: '5Gi' } });
    expect(found.metadata.annotations).toEqual({
      'pv.kubernetes.io/bind-completed': 'yes',
      'pv.kubernetes.io/bound-by-controller': 'yes',
    });
    const taken = (await volume(l, 'right'))!;
    expect(taken.status!.phase).toBe('Bound');
    expect(taken.spec!.claimRef).toMatchObject({ namespace: 'default', name: 'data', uid: found.metadata.uid });
  });

  const misfits: [string, Record<string, unknown>, Record<string, unknown>][] = [
    ['another class', { storageClassName: 'fast' }, {}],
    ['too few access modes', {}, { accessModes: ['ReadWriteMany'] }],
    ['another volume mode', { volumeMode: 'Block' }, {}],
    ['labels its selector does not want', {}, { selector: { matchLabels: { disk: 'other' } } }],
    ['another claim’s reservation', { claimRef: { namespace: 'default', name: 'somebody' } }, {}],
  ];
  for (const [what, pv, pvc] of misfits) {
    it(`does not take a volume with ${what}`, async () => {
      await using l = lab();
      await l.create('persistentvolumes', makeVolume('disk', '5Gi', pv));
      await l.create('persistentvolumeclaims', makeClaim('data', '1Gi', pvc));
      await l.until('told', async () => (await l.events('FailedBinding')).length > 0);
      await l.clock.advance(60_000);
      expect((await claim(l, 'data'))!.status!.phase).toBe('Pending');
      expect(await l.events('FailedBinding')).toEqual([
        'Normal FailedBinding no persistent volumes available for this claim and no storage class is set',
      ]);
    });
  }

  it('lets a claim wait for a volume that comes later', async () => {
    await using l = lab();
    await l.create('persistentvolumeclaims', makeClaim('data', '1Gi'));
    await l.until('pending', async () => (await l.events('FailedBinding')).length > 0);
    await l.create('persistentvolumes', makeVolume('disk', '1Gi'));
    await bound(l, 'data');
  });

  it('binds what a user bound in advance, from either side, and keeps his words', async () => {
    await using l = lab();
    await l.create(
      'persistentvolumes',
      makeVolume('mine', '5Gi', { claimRef: { namespace: 'default', name: 'data' } }),
    );
    await l.create('persistentvolumes', makeVolume('tiny', '1Gi'));
    await l.create('persistentvolumeclaims', makeClaim('data', '1Gi'));
    await bound(l, 'data');
    expect((await claim(l, 'data'))!.spec!.volumeName).toBe('mine');
    expect((await volume(l, 'mine'))!.metadata.annotations).toBeUndefined();
    await l.create('persistentvolumeclaims', makeClaim('named', '1Gi', { volumeName: 'tiny' }));
    await bound(l, 'named');
    expect((await claim(l, 'named'))!.metadata.annotations).toEqual({ 'pv.kubernetes.io/bind-completed': 'yes' });
  });

  it('says what is wrong with the volume a claim names', async () => {
    await using l = lab();
    await l.create('persistentvolumes', makeVolume('tiny', '1Gi'));
    await l.create('persistentvolumeclaims', makeClaim('data', '2Gi', { volumeName: 'tiny' }));
    await l.until('told', async () => (await l.events('VolumeMismatch')).length > 0);
    expect(await l.events('VolumeMismatch')).toEqual([
      'Warning VolumeMismatch Cannot bind to requested volume "tiny": requested PV is too small',
    ]);
  });

  it('gives two claims two volumes even when they come at once', async () => {
    await using l = lab();
    for (let i = 0; i < 20; i++) await l.create('persistentvolumes', makeVolume(`disk-${i}`, '1Gi'));
    for (let i = 0; i < 20; i++) await l.create('persistentvolumeclaims', makeClaim(`data-${i}`, '1Gi'));
    await l.until('all bound', async () =>
      (await l.list<PersistentVolumeClaim>('persistentvolumeclaims')).every((c) => c.status?.phase === 'Bound'),
    );
    const used = (await l.list<PersistentVolumeClaim>('persistentvolumeclaims')).map((c) => c.spec!.volumeName);
    expect(new Set(used).size).toBe(20);
  });

  it('turns a claim Lost when its volume is gone', async () => {
    await using l = lab();
    await l.create('persistentvolumes', makeVolume('disk', '1Gi'));
    await l.create('persistentvolumeclaims', makeClaim('data', '1Gi'));
    await bound(l, 'data');
    const disk = (await volume(l, 'disk'))!;
    await l.client.resource('persistentvolumes').update({ ...disk, metadata: { ...disk.metadata, finalizers: [] } });
    await l.client.resource('persistentvolumes').delete('disk');
    await l.until('finalizer off', async () => {
      const pv = await volume(l, 'disk');
      if (pv?.metadata.finalizers?.length) {
        await l.client.resource('persistentvolumes').patch('disk', 'merge', { metadata: { finalizers: null } });
      }
      return pv === undefined;
    });
    await l.until('lost', async () => (await claim(l, 'data'))!.status!.phase === 'Lost');
    await l.until('told', async () => (await l.events('ClaimLost')).length > 0);
    expect(await l.events('ClaimLost')).toEqual([
      'Warning ClaimLost Bound claim has lost its PersistentVolume. Data on the volume is lost!',
    ]);
  });
});

describe('reclaiming', () => {
  const policies: [string, Record<string, unknown>, string, string | undefined, string[]][] = [
    ['Retain', {}, 'Released', undefined, []],
    [
      'Recycle',
      {},
      'Failed',
      'No recycler plugin found for the volume!',
      ['Warning VolumeFailedRecycle No recycler plugin found for the volume!'],
    ],
    [
      'Delete',
      {},
      'Failed',
      'error getting deleter volume plugin for volume "disk": no deletable volume plugin matched',
      [
        'Warning VolumeFailedDelete error getting deleter volume plugin for volume "disk": no deletable volume plugin matched',
      ],
    ],
  ];
  for (const [policy, spec, phase, message, events] of policies) {
    it(`${policy} leaves a volume nobody provisioned ${phase}`, async () => {
      await using l = lab();
      await l.create(
        'persistentvolumes',
        makeVolume('disk', '1Gi', { persistentVolumeReclaimPolicy: policy, ...spec }),
      );
      await l.create('persistentvolumeclaims', makeClaim('data', '1Gi'));
      await bound(l, 'data');
      await l.client.resource('persistentvolumeclaims').namespace('default').delete('data');
      await l.until(phase, async () => (await volume(l, 'disk'))!.status!.phase === phase);
      expect((await volume(l, 'disk'))!.status!.message).toBe(message);
      await l.clock.advance(1000);
      expect((await l.events()).filter((event) => event.includes('Volume'))).toEqual(events);
      // The new claim of the same name does not get what the old one left.
      await l.create('persistentvolumeclaims', makeClaim('data', '1Gi'));
      await l.clock.advance(60_000);
      expect((await claim(l, 'data'))!.status!.phase).toBe('Pending');
    });
  }
});

describe('provisioning', () => {
  it('makes a volume at once for a class that binds immediately, reachable from every node, and deletes it with its claim', async () => {
    await using l = lab();
    await l.create(classes, makeClass('net'));
    await l.create(
      'persistentvolumeclaims',
      makeClaim('data', '3Gi', { storageClassName: 'net', accessModes: ['ReadWriteMany'] }),
    );
    await bound(l, 'data');
    const made = (await claim(l, 'data'))!;
    const pv = (await volume(l, `pvc-${made.metadata.uid}`))!;
    expect(made.spec!.volumeName).toBe(pv.metadata.name);
    expect(made.metadata.annotations).toMatchObject({
      'volume.kubernetes.io/storage-provisioner': 'klab.dev/sim-path',
      'volume.beta.kubernetes.io/storage-provisioner': 'klab.dev/sim-path',
    });
    expect(pv.metadata.annotations).toMatchObject({ 'pv.kubernetes.io/provisioned-by': 'klab.dev/sim-path' });
    expect(pv.spec).toMatchObject({ capacity: { storage: '3Gi' }, persistentVolumeReclaimPolicy: 'Delete' });
    expect(pv.spec!.nodeAffinity).toBeUndefined();
    await l.until('told', async () => (await l.events('ProvisioningSucceeded')).length > 0);
    expect(await l.events()).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^Normal ExternalProvisioning Waiting for a volume to be created either by the external/),
        'Normal Provisioning External provisioner is provisioning volume for claim "default/data"',
        `Normal ProvisioningSucceeded Successfully provisioned volume ${pv.metadata.name}`,
      ]),
    );
    await l.client.resource('persistentvolumeclaims').namespace('default').delete('data');
    await l.until('volume gone', async () => (await l.list('persistentvolumes')).length === 0);
  });

  it('waits for the scheduler’s choice of node with WaitForFirstConsumer, and makes the disk there', async () => {
    await using l = lab();
    await l.create(classes, makeClass('standard', { volumeBindingMode: 'WaitForFirstConsumer' }));
    await l.create('persistentvolumeclaims', makeClaim('data', '1Gi', { storageClassName: 'standard' }));
    await l.until('told', async () => (await l.events('WaitForFirstConsumer')).length > 0);
    expect(await l.events('WaitForFirstConsumer')).toEqual([
      'Normal WaitForFirstConsumer waiting for first consumer to be created before binding',
    ]);
    await l.clock.advance(600_000);
    expect((await claim(l, 'data'))!.status!.phase).toBe('Pending');
    const choice = { metadata: { annotations: { 'volume.kubernetes.io/selected-node': 'node-2' } } };
    await l.client.resource('persistentvolumeclaims').namespace('default').patch('data', 'merge', choice);
    await bound(l, 'data');
    const [pv] = await l.list<PersistentVolume>('persistentvolumes');
    expect(pv!.spec!.nodeAffinity!.required!.nodeSelectorTerms).toEqual([
      { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['node-2'] }] },
    ]);
  });

  it('gives an older claim the default class when there comes to be one', async () => {
    await using l = lab();
    const { storageClassName: _, ...spec } = makeClaim('data', '1Gi').spec!;
    await l.create('persistentvolumeclaims', { ...makeClaim('data', '1Gi'), spec } as PersistentVolumeClaim);
    await l.until('pending', async () => (await l.events('FailedBinding')).length > 0);
    const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
    await l.create(classes, makeClass('standard', { metadata: { name: 'standard', annotations } }));
    await bound(l, 'data');
    expect((await claim(l, 'data'))!.spec!.storageClassName).toBe('standard');
  });

  const failures: [string, Record<string, unknown> | undefined, Record<string, unknown>, string][] = [
    ['a class that is not there', undefined, {}, 'storageclass.storage.k8s.io "c" not found'],
    [
      'a class without provisioner',
      { provisioner: 'kubernetes.io/no-provisioner' },
      {},
      'no volume plugin matched name: kubernetes.io/no-provisioner',
    ],
    [
      'a block device',
      {},
      { volumeMode: 'Block' },
      'failed to provision volume with StorageClass "c": klab.dev/sim-path does not support block volume provisioning',
    ],
  ];
  for (const [what, change, spec, message] of failures) {
    it(`says why it cannot serve ${what}`, async () => {
      await using l = lab();
      if (change) await l.create(classes, makeClass('c', change));
      await l.create('persistentvolumeclaims', makeClaim('data', '1Gi', { storageClassName: 'c', ...spec }));
      await l.until('told', async () => (await l.events('ProvisioningFailed')).length > 0);
      expect(await l.events('ProvisioningFailed')).toContain(`Warning ProvisioningFailed ${message}`);
      expect((await claim(l, 'data'))!.status!.phase).toBe('Pending');
    });
  }

  it('nobody can satisfy does not disturb its neighbours, and each says exactly what it waits for', async () => {
    await using l = lab();
    await l.create(classes, makeClass('local', { provisioner: 'kubernetes.io/no-provisioner' }));
    const late = { provisioner: 'kubernetes.io/no-provisioner', volumeBindingMode: 'WaitForFirstConsumer' };
    await l.create(classes, makeClass('late', late));
    await l.create(classes, makeClass('theirs', { provisioner: 'example.com/disk' }));
    await l.create(classes, makeClass('ours'));
    const asked = { none: '', local: 'local', late: 'late', gone: 'gone', theirs: 'theirs' };
    for (const [name, storageClassName] of Object.entries(asked)) {
      await l.create('persistentvolumeclaims', makeClaim(name, '1Gi', { storageClassName }));
    }
    await l.clock.advance(60_000);
    await l.create('persistentvolumeclaims', makeClaim('ours', '1Gi', { storageClassName: 'ours' }));
    await bound(l, 'ours');
    await l.clock.advance(600_000);
    const said: Record<string, string[]> = {};
    for (const event of await l.list<CoreEvent>('events')) {
      const name = event.involvedObject.name!;
      const text = `${event.type} ${event.reason} ${event.message}`;
      said[name] = [...new Set([...(said[name] ?? []), text])];
    }
    for (const name of Object.keys(asked)) expect((await claim(l, name))!.status!.phase).toBe('Pending');
    expect(said).toMatchObject({
      none: ['Normal FailedBinding no persistent volumes available for this claim and no storage class is set'],
      local: ['Warning ProvisioningFailed no volume plugin matched name: kubernetes.io/no-provisioner'],
      late: ['Normal WaitForFirstConsumer waiting for first consumer to be created before binding'],
      gone: ['Warning ProvisioningFailed storageclass.storage.k8s.io "gone" not found'],
      theirs: [
        "Normal ExternalProvisioning Waiting for a volume to be created either by the external provisioner 'example.com/disk' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.",
      ],
    });
  });

  it('lets a bound claim grow when its class says so', async () => {
    await using l = lab();
    await l.create(classes, makeClass('net', { allowVolumeExpansion: true }));
    await l.create('persistentvolumeclaims', makeClaim('data', '1Gi', { storageClassName: 'net' }));
    await bound(l, 'data');
    const more = { spec: { resources: { requests: { storage: '2Gi' } } } };
    await l.client.resource('persistentvolumeclaims').namespace('default').patch('data', 'merge', more);
    await l.until('grown', async () => (await claim(l, 'data'))!.status!.capacity?.['storage'] === '2Gi');
    const [pv] = await l.list<PersistentVolume>('persistentvolumes');
    expect(pv!.spec!.capacity).toEqual({ storage: '2Gi' });
  });
});

function makePod(name: string, volumes: object[], nodeName?: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'busybox' }], volumes, ...(nodeName ? { nodeName } : {}) },
  } as Pod;
}

describe('protection', () => {
  it('keeps a claim that a scheduled pod uses until the pod is gone, and a volume until it is free', async () => {
    await using l = lab();
    await l.create('persistentvolumes', makeVolume('disk', '1Gi'));
    await l.create('persistentvolumeclaims', makeClaim('data', '1Gi'));
    await bound(l, 'data');
    await l.until('finalizer', async () =>
      Boolean((await claim(l, 'data'))!.metadata.finalizers?.includes('kubernetes.io/pvc-protection')),
    );
    await l.create('pods', makePod('user', [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }], 'node-1'));
    await l.client.resource('persistentvolumeclaims').namespace('default').delete('data');
    await l.client.resource('persistentvolumes').delete('disk');
    await l.clock.advance(600_000);
    expect(await claim(l, 'data')).toBeDefined();
    expect((await volume(l, 'disk'))!.status!.phase).toBe('Bound');
    await l.client.resource('pods').namespace('default').delete('user', { gracePeriodSeconds: 0 });
    await l.until('claim gone', async () => (await claim(l, 'data')) === undefined);
    await l.until('volume gone', async () => (await volume(l, 'disk')) === undefined);
  });

  it('does not hold a claim for a pod without a node', async () => {
    await using l = lab();
    await l.create('persistentvolumeclaims', makeClaim('data', '1Gi'));
    await l.until('finalizer', async () => Boolean((await claim(l, 'data'))!.metadata.finalizers));
    await l.create('pods', makePod('user', [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }]));
    await l.client.resource('persistentvolumeclaims').namespace('default').delete('data');
    await l.until('claim gone', async () => (await claim(l, 'data')) === undefined);
  });
});

describe('ephemeral volumes', () => {
  const volumes = [
    {
      name: 'scratch',
      ephemeral: {
        volumeClaimTemplate: {
          metadata: { labels: { app: 'x' } },
          spec: {
            accessModes: ['ReadWriteOnce'],
            resources: { requests: { storage: '1Gi' } },
            storageClassName: 'net',
          },
        },
      },
    },
  ];

  it('have a claim of the pod’s own', async () => {
    await using l = lab();
    await l.create('pods', makePod('p', volumes));
    await l.until('claim', async () => (await claim(l, 'p-scratch')) !== undefined);
    const made = (await claim(l, 'p-scratch'))!;
    expect(made.metadata.labels).toEqual({ app: 'x' });
    expect(made.metadata.ownerReferences).toEqual([
      expect.objectContaining({ kind: 'Pod', name: 'p', controller: true, blockOwnerDeletion: true }),
    ]);
  });

  it('do not take a claim of the same name that is somebody else’s', async () => {
    await using l = lab();
    await l.create('persistentvolumeclaims', makeClaim('p-scratch', '1Gi'));
    await l.create('pods', makePod('p', volumes));
    await l.until('told', async () => (await l.events('FailedBinding')).some((event) => event.startsWith('Warning')));
    expect(await l.events('FailedBinding')).toContain(
      'Warning FailedBinding ephemeral volume scratch: PVC default/p-scratch was not created for pod default/p (pod is not owner)',
    );
  });
});
