import { describe, expect, it } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../src/api/index.ts';
import { Prng, silentLogger } from '../../src/base/index.ts';
import { EventBroadcaster, SharedInformerFactory } from '../../src/client/index.ts';
import { PersistentVolumeBinder, SimPathProvisioner } from '../../src/controllers/index.ts';
import { DecisionStore, Scheduler } from '../../src/scheduler/index.ts';
import { Lab } from '../helpers/controllers.ts';
import { cycleOver, makeNode, makePod } from './objects.ts';

const selected = 'volume.kubernetes.io/selected-node';

function makeClaim(name: string, change: any = {}): any {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace: 'default', uid: `uid-${name}`, ...change.metadata },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      storageClassName: 'local',
      ...change.spec,
    },
    status: { phase: 'Pending', ...change.status },
  };
}

function boundClaim(name: string, volumeName: string, spec: any = {}): any {
  return makeClaim(name, {
    metadata: { annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } },
    spec: { volumeName, ...spec },
    status: { phase: 'Bound' },
  });
}

function makeVolume(name: string, change: any = {}): any {
  const { node, labels, ...spec } = change;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name, labels },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'local',
      ...(node && {
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] },
            ],
          },
        },
      }),
      ...spec,
    },
    status: { phase: 'Available' },
  };
}

const waits = (name: string, change: any = {}) => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name },
  provisioner: 'klab.dev/sim-path',
  volumeBindingMode: 'WaitForFirstConsumer',
  ...change,
});
const byHand = waits('local', { provisioner: 'kubernetes.io/no-provisioner' });

const user = (...claims: string[]) =>
  makePod('p', { volumes: claims.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } })) });

type World = {
  claims?: any[];
  volumes?: any[];
  classes?: any[];
  csiNodes?: any[];
  csiDrivers?: any[];
  capacities?: any[];
  attachments?: any[];
  placed?: [Pod, string][];
};

function decide(pod: Pod, world: World, nodes = [makeNode('a'), makeNode('b')]) {
  const claims = Object.fromEntries((world.claims ?? []).map((claim) => [`default/${claim.metadata.name}`, claim]));
  return cycleOver(nodes, world.placed, { ...world, claims }).run(pod);
}

describe('volumes refuse nodes in upstream’s words', () => {
  const cases: [string, Pod, World, string][] = [
    ['a claim that is not there', user('x'), {}, 'persistentvolumeclaim "x" not found'],
    [
      'a claim that is going',
      user('x'),
      { claims: [makeClaim('x', { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } })] },
      'persistentvolumeclaim "x" is being deleted',
    ],
    [
      'a claim that lost its volume',
      user('x'),
      { claims: [makeClaim('x', { spec: { volumeName: 'v' }, status: { phase: 'Lost' } })] },
      'persistentvolumeclaim "x" bound to non-existent persistentvolume "v"',
    ],
    [
      'an ephemeral volume whose claim is not made yet',
      makePod('p', { volumes: [{ name: 'scratch', ephemeral: {} }] }),
      {},
      'waiting for ephemeral volume controller to create the persistentvolumeclaim "p-scratch"',
    ],
    [
      'a claim that binds immediately and is not bound',
      user('x'),
      { claims: [makeClaim('x')], classes: [waits('local', { volumeBindingMode: 'Immediate' })] },
      'pod has unbound immediate PersistentVolumeClaims',
    ],
    [
      'a volume that is gone',
      user('x'),
      { claims: [boundClaim('x', 'v')] },
      '2 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)',
    ],
    [
      'a volume on another node',
      user('x'),
      { claims: [boundClaim('x', 'v')], volumes: [makeVolume('v', { node: 'c' })] },
      "2 node(s) didn't match PersistentVolume's node affinity",
    ],
    [
      'nothing to bind and nobody to provision',
      user('x'),
      { claims: [makeClaim('x')], classes: [byHand] },
      "2 node(s) didn't find available persistent volumes to bind",
    ],
    [
      'two claims and one volume',
      user('x', 'y'),
      { claims: [makeClaim('x'), makeClaim('y')], volumes: [makeVolume('v')], classes: [byHand] },
      "2 node(s) didn't find available persistent volumes to bind",
    ],
    [
      'a class that provisions elsewhere',
      user('x'),
      {
        claims: [makeClaim('x')],
        classes: [waits('local', { allowedTopologies: [{ matchLabelExpressions: [{ key: 'zone', values: ['z'] }] }] })],
      },
      "2 node(s) didn't find available persistent volumes to bind",
    ],
    [
      'a ReadWriteOncePod claim in use',
      user('x'),
      {
        claims: [boundClaim('x', 'v', { accessModes: ['ReadWriteOncePod'] })],
        volumes: [makeVolume('v')],
        placed: [[user('x'), 'a']],
      },
      '2 node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod',
    ],
  ];
  for (const [name, pod, world, expected] of cases) {
    it(name, () => {
      const { message, node } = decide(pod, world);
      expect(node).toBeUndefined();
      expect(message).toBe(`0/2 nodes are available: ${expected}.`);
    });
  }

  it('a zone, a full node and a disk in use', () => {
    const zone = (value: string) => ({ labels: { 'topology.kubernetes.io/zone': value } });
    const csi = (name: string) => makeVolume(name, { csi: { driver: 'd', volumeHandle: name } });
    const zoned = decide(
      user('x'),
      {
        claims: [boundClaim('x', 'v')],
        volumes: [makeVolume('v', { labels: { 'topology.kubernetes.io/zone': 'z1__z3' } })],
      },
      [makeNode('a', zone('z2')), makeNode('b', zone('z3'))],
    );
    expect(zoned.node).toBe('b');
    const full = decide(
      user('x'),
      {
        claims: [boundClaim('x', 'v'), boundClaim('y', 'w')],
        volumes: [csi('v'), csi('w')],
        csiNodes: [{ metadata: { name: 'a' }, spec: { drivers: [{ name: 'd', allocatable: { count: 1 } }] } }],
        placed: [[user('y'), 'a']],
      },
      [makeNode('a')],
    );
    expect(full.message).toBe('0/1 nodes are available: 1 node(s) exceed max volume count.');
    const limited = [{ metadata: { name: 'a' }, spec: { drivers: [{ name: 'd', allocatable: { count: 1 } }] } }];
    const left = { spec: { attacher: 'd', nodeName: 'a', source: { persistentVolumeName: 'w' } } };
    const attached = (volume: string) =>
      decide(
        user('x'),
        { claims: [boundClaim('x', volume)], volumes: [csi('v'), csi('w')], csiNodes: limited, attachments: [left] },
        [makeNode('a')],
      ).message;
    // What is attached still takes its place, and is not counted twice.
    expect(attached('v')).toBe('0/1 nodes are available: 1 node(s) exceed max volume count.');
    expect(attached('w')).toBe('');
    const coming = decide(
      user('x', 'y'),
      { claims: [makeClaim('x'), makeClaim('y')], classes: [waits('local', { provisioner: 'd' })], csiNodes: limited },
      [makeNode('a')],
    );
    expect(coming.message).toBe('0/1 nodes are available: 1 node(s) exceed max volume count.');
    const disk = () => makePod('p', { volumes: [{ name: 'd', gcePersistentDisk: { pdName: 'pd' } }] });
    const busy = decide(disk(), { placed: [[disk(), 'a']] }, [makeNode('a')]);
    expect(busy.message).toBe('0/1 nodes are available: 1 node(s) had no available disk.');
  });

  it('provisions where the driver has room, if it says how much', () => {
    const room = (capacity: string, zone: string, more: object = {}) => ({
      storageClassName: 'local',
      capacity,
      nodeTopology: { matchLabels: { zone } },
      ...more,
    });
    const nodes = ['1', '2'].map((zone) => makeNode(`n${zone}`, { labels: { zone } }));
    const run = (capacities: object[], storageCapacity = true) =>
      decide(
        user('x'),
        {
          claims: [makeClaim('x')],
          classes: [waits('local', { provisioner: 'd' })],
          csiDrivers: [{ metadata: { name: 'd' }, spec: { storageCapacity } }],
          capacities,
        },
        nodes,
      );
    const none = '0/2 nodes are available: 2 node(s) did not have enough free storage.';
    expect(run([room('1Gi', '2'), room('1023Mi', '1')]).node).toBe('n2');
    expect(run([]).message).toBe(none);
    expect(run([room('10Gi', '1', { maximumVolumeSize: '512Mi' })]).message).toBe(none);
    expect(run([room('10Gi', '1', { nodeTopology: undefined })]).message).toBe(none);
    expect(run([room('10Gi', '1', { storageClassName: 'other' })]).message).toBe(none);
    expect(run([], false).message).toBe('');
  });

  it('says all that is wrong with several claims', () => {
    const { message } = decide(user('x', 'y'), {
      claims: [boundClaim('x', 'v'), makeClaim('y')],
      volumes: [makeVolume('v', { node: 'c' })],
      classes: [byHand],
    });
    expect(message).toBe(
      "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind, 2 node(s) didn't match PersistentVolume's node affinity.",
    );
  });

  it('goes where the volume is, and where one was already asked for', () => {
    expect(
      decide(user('x'), { claims: [makeClaim('x')], volumes: [makeVolume('v', { node: 'b' })], classes: [byHand] })
        .node,
    ).toBe('b');
    const annotations = { [selected]: 'b' };
    expect(
      decide(user('x'), { claims: [makeClaim('x', { metadata: { annotations } })], classes: [waits('local')] }).node,
    ).toBe('b');
  });
});

/** Scheduler, binder and provisioner over the fake API server. */
function withScheduler(provisioner = true) {
  const lab = new Lab();
  const deps = { clock: lab.clock, prng: new Prng('volumes'), log: silentLogger };
  const client = lab.api.client('system:kube-scheduler');
  const informers = new SharedInformerFactory({ ...deps, client });
  const broadcaster = new EventBroadcaster({ ...deps, client });
  const scheduler = new Scheduler({
    ...deps,
    client,
    informers,
    events: broadcaster.recorder({ component: 'default-scheduler' }),
    decisions: new DecisionStore(),
  });
  lab.start(informers, broadcaster, scheduler, new PersistentVolumeBinder(lab.context));
  if (provisioner) lab.start(new SimPathProvisioner(lab.context));
  return lab;
}

async function place(lab: Lab, ...names: string[]) {
  for (const name of names) {
    await lab.create('nodes', makeNode(name));
    const { metadata, status } = makeNode(name);
    await lab.client.resource('nodes').patch(metadata.name!, 'merge', { status }, { subresource: 'status' });
  }
}

const podNode = async (lab: Lab) => (await lab.get<Pod>('pods', 'default', 'p'))?.spec?.nodeName;

describe('binding a pod with claims', () => {
  it('has the volume made on the node chosen, and binds the pod when the claim is bound', async () => {
    await using lab = withScheduler();
    await place(lab, 'a', 'b');
    await lab.create('storageclasses.storage.k8s.io', waits('local') as never);
    await lab.create('persistentvolumeclaims', makeClaim('x') as never);
    await lab.create('pods', user('x'));
    await lab.until('scheduled', async () => (await podNode(lab)) !== undefined);
    const claim = (await lab.get<PersistentVolumeClaim>('persistentvolumeclaims', 'default', 'x'))!;
    expect(claim.status!.phase).toBe('Bound');
    expect(claim.metadata.annotations![selected]).toBe(await podNode(lab));
    const [volume] = await lab.list<PersistentVolume>('persistentvolumes');
    expect(JSON.stringify(volume!.spec!.nodeAffinity)).toContain(await podNode(lab));
  });

  it('gives two pods that come at once two volumes', async () => {
    await using lab = withScheduler();
    await place(lab, 'a');
    await lab.create('storageclasses.storage.k8s.io', byHand as never);
    for (const name of ['v', 'w']) await lab.create('persistentvolumes', makeVolume(name));
    for (const name of ['x', 'y']) await lab.create('persistentvolumeclaims', makeClaim(name) as never);
    const pod = (name: string, claimName: string) =>
      makePod(name, { volumes: [{ name: 'd', persistentVolumeClaim: { claimName } }] });
    await lab.create('pods', pod('one', 'x'));
    await lab.create('pods', pod('two', 'y'));
    await lab.until('both', async () => (await lab.list<Pod>('pods')).every((each) => each.spec?.nodeName));
    const claims = await lab.list<PersistentVolumeClaim>('persistentvolumeclaims');
    expect(claims.map((claim) => claim.spec!.volumeName).sort()).toEqual(['v', 'w']);
  });

  it('gives up after 600 s, says so, and tries again', async () => {
    await using lab = withScheduler(false);
    await place(lab, 'a');
    await lab.create('storageclasses.storage.k8s.io', waits('local') as never);
    await lab.create('persistentvolumeclaims', makeClaim('x') as never);
    await lab.create('pods', user('x'));
    await lab.until('asked', async () =>
      Boolean((await lab.get('persistentvolumeclaims', 'default', 'x'))!.metadata.annotations?.[selected]),
    );
    const from = lab.clock.now();
    await lab.until('told', async () => (await lab.events('FailedScheduling')).length > 0);
    expect(lab.clock.now() - from).toBeGreaterThan(599_000);
    expect(lab.clock.now() - from).toBeLessThan(602_000);
    expect((await lab.events('FailedScheduling'))[0]).toBe(
      'Warning FailedScheduling running PreBind plugin "VolumeBinding": binding volumes: context deadline exceeded',
    );
    lab.start(new SimPathProvisioner(lab.context));
    await lab.until('scheduled', async () => (await podNode(lab)) === 'a');
  });
});
