import { describe, expect, it } from 'vitest';
import type {
  ControllerRevision,
  PersistentVolumeClaim,
  Pod,
  StatefulSet,
  StatefulSetSpec,
} from '../../src/api/index.ts';
import { newInternalError } from '../../src/apimachinery/index.ts';
import { parseTime } from '../../src/base/index.ts';
import { StatefulSetController } from '../../src/controllers/index.ts';
import { Lab } from '../helpers/controllers.ts';

const labels = { app: 'db' };

function makeSet(replicas: number, change: Partial<StatefulSetSpec> = {}): StatefulSet {
  const template = { metadata: { labels }, spec: { containers: [{ name: 'db', image: 'db:1' }] } };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'db', namespace: 'default' },
    spec: { replicas, serviceName: 'db', selector: { matchLabels: labels }, template, ...change },
  } as StatefulSet;
}

const get = (l: Lab) => l.get<StatefulSet>('statefulsets', 'default', 'db');
const pods = (l: Lab) => l.list<Pod>('pods');
const podNames = async (l: Lab) => (await pods(l)).map((pod) => pod.metadata.name!).sort();
const pod = async (l: Lab, name: string) => (await l.get<Pod>('pods', 'default', name))!;
const patch = (l: Lab, spec: object) =>
  l.client.resource('statefulsets').namespace('default').patch('db', 'merge', { spec });
const image = (name: string) => ({ template: { spec: { containers: [{ name: 'db', image: name }] } } });
const imagesOf = async (l: Lab) =>
  (await pods(l))
    .sort((a, b) => (a.metadata.name! < b.metadata.name! ? -1 : 1))
    .map((each) => each.spec!.containers[0]!.image);
const claims = (l: Lab) => l.list<PersistentVolumeClaim>('persistentvolumeclaims');
const volumeClaimTemplates = [
  { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
] as unknown as NonNullable<StatefulSetSpec['volumeClaimTemplates']>;

function lab(): Lab {
  const l = new Lab();
  return l.start(new StatefulSetController(l.context));
}

const ready = (l: Lab, count: number) => async () => (await get(l))?.status?.readyReplicas === count;
const rolledOut = (l: Lab) => async () => {
  const { metadata, status } = (await get(l))!;
  return (
    status?.observedGeneration === metadata.generation &&
    status?.currentRevision === status?.updateRevision &&
    status?.updatedReplicas === status?.replicas &&
    status?.readyReplicas === status?.replicas
  );
};

describe('a stateful set', () => {
  it('brings its pods up one by one, each with its name, labels and host name', async () => {
    await using l = lab();
    await l.create('statefulsets', makeSet(3));
    for (const ordinal of [0, 1, 2]) {
      await l.until(`db-${ordinal}`, async () => (await podNames(l)).length === ordinal + 1);
      await l.clock.advance(60_000);
      expect(await podNames(l)).toEqual(['db-0', 'db-1', 'db-2'].slice(0, ordinal + 1));
      await l.run(await pod(l, `db-${ordinal}`));
    }
    await l.until('ready', ready(l, 3));
    const { metadata, spec } = await pod(l, 'db-1');
    const { status } = (await get(l))!;
    expect(metadata.labels).toEqual({
      app: 'db',
      'apps.kubernetes.io/pod-index': '1',
      'controller-revision-hash': status!.updateRevision,
      'statefulset.kubernetes.io/pod-name': 'db-1',
    });
    expect(spec).toMatchObject({ hostname: 'db-1', subdomain: 'db' });
    expect(status).toEqual({
      observedGeneration: 1,
      replicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
      currentReplicas: 3,
      updatedReplicas: 3,
      currentRevision: status!.updateRevision,
      updateRevision: status!.updateRevision,
      collisionCount: 0,
    });
    expect(status!.updateRevision).toMatch(/^db-[a-z0-9]+$/);
    expect(await l.events('SuccessfulCreate')).toEqual(
      [0, 1, 2].map((i) => `Normal SuccessfulCreate Create Pod db-${i} in StatefulSet db successful`),
    );
  });

  it('goes down from the highest ordinal, one by one', async () => {
    await using l = lab().autoRun();
    await l.create('statefulsets', makeSet(3));
    await l.until('ready', ready(l, 3));
    const gone: string[] = [];
    l.context.informers.informer<Pod>('pods').addHandler({ onDelete: (each) => void gone.push(each.metadata.name!) });
    await patch(l, { replicas: 0 });
    await l.until('gone', async () => (await pods(l)).length === 0);
    expect(gone).toEqual(['db-2', 'db-1', 'db-0']);
    await l.until('status', async () => (await get(l))!.status!.replicas === 0);
  });

  it('with Parallel does not wait', async () => {
    await using l = lab();
    await l.create('statefulsets', makeSet(5, { podManagementPolicy: 'Parallel' }));
    await l.until('five', async () => (await pods(l)).length === 5);
    expect((await get(l))!.status?.readyReplicas).toBeUndefined();
    await patch(l, { replicas: 1 });
    await l.until('one', async () => (await podNames(l)).join() === 'db-0');
  });

  it('counts from where it is told to, and moves there', async () => {
    await using l = lab().autoRun();
    await l.create('statefulsets', makeSet(2, { ordinals: { start: 5 } }));
    await l.until('ready', ready(l, 2));
    expect(await podNames(l)).toEqual(['db-5', 'db-6']);
    await patch(l, { ordinals: { start: 6 } });
    await l.until('moved', async () => (await podNames(l)).join() === 'db-6,db-7');
  });

  it('replaces a pod that failed or was deleted under the same name', async () => {
    await using l = lab().autoRun();
    await l.create('statefulsets', makeSet(2));
    await l.until('ready', ready(l, 2));
    const before = await pod(l, 'db-0');
    await l.end(before, 1);
    await l.until(
      'replaced',
      async () => (await pod(l, 'db-0'))?.metadata.uid !== before.metadata.uid && (await ready(l, 2)()),
    );
  });

  it('waits for minReadySeconds between pods', async () => {
    await using l = lab().autoRun();
    await l.create('statefulsets', makeSet(2, { minReadySeconds: 30 }));
    await l.until('available', async () => (await get(l))?.status?.availableReplicas === 2);
    const [a, b] = (await pods(l)).map((each) => parseTime(each.metadata.creationTimestamp!)).sort((x, y) => x - y);
    expect(b! - a!).toBeGreaterThanOrEqual(30_000);
    expect(b! - a!).toBeLessThan(33_000);
  });

  it('creates again exactly what is missing when writes fail and watches are cut', async () => {
    await using l = lab().autoRun();
    let writes = 0;
    l.api.intercept((request, { verb }) => {
      const mine = request.headers?.['x-user']?.includes('statefulset-controller') && !request.path.includes('/events');
      if (!mine || ['list', 'watch', 'get'].includes(verb)) return;
      if (++writes % 5 === 0) l.api.dropWatches();
      if (writes % 3 === 0) throw newInternalError('etcdserver: request timed out');
    });
    await l.create('statefulsets', makeSet(4, { volumeClaimTemplates }));
    await l.until('ready', ready(l, 4));
    await patch(l, image('db:2'));
    await l.until('rolled out', rolledOut(l));
    expect(await podNames(l)).toEqual(['db-0', 'db-1', 'db-2', 'db-3']);
    expect(await imagesOf(l)).toEqual(['db:2', 'db:2', 'db:2', 'db:2']);
    expect(await claims(l)).toHaveLength(4);
  });
});

describe('a rolling update of a stateful set', () => {
  it('goes from the highest ordinal down and waits for each', async () => {
    await using l = lab().autoRun();
    await l.create('statefulsets', makeSet(3));
    await l.until('ready', ready(l, 3));
    const made: string[] = [];
    l.context.informers.informer<Pod>('pods').addHandler({ onAdd: (each) => void made.push(each.metadata.name!) });
    made.length = 0;
    await patch(l, image('db:2'));
    let least = 3;
    await l.until('rolled out', async () => {
      least = Math.min(least, (await pods(l)).filter((each) => each.status?.phase === 'Running').length);
      return rolledOut(l)();
    });
    expect(made).toEqual(['db-2', 'db-1', 'db-0']);
    expect(least).toBeGreaterThanOrEqual(2);
    expect(await imagesOf(l)).toEqual(['db:2', 'db:2', 'db:2']);
    expect(await l.list('controllerrevisions')).toHaveLength(2);
  });

  it('stops at the partition, and brings a lost pod below it back as it was', async () => {
    await using l = lab().autoRun();
    await l.create(
      'statefulsets',
      makeSet(3, { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } }),
    );
    await l.until('ready', ready(l, 3));
    await patch(l, image('db:2'));
    await l.until('one updated', async () => (await get(l))?.status?.updatedReplicas === 1 && (await ready(l, 3)()));
    await l.clock.advance(60_000);
    expect(await imagesOf(l)).toEqual(['db:1', 'db:1', 'db:2']);
    const { currentRevision, updateRevision, currentReplicas } = (await get(l))!.status!;
    expect(currentRevision).not.toBe(updateRevision);
    expect(currentReplicas).toBe(2);
    await l.finish(await pod(l, 'db-0'));
    await l.until('back', ready(l, 3));
    await l.clock.advance(10_000);
    expect(await imagesOf(l)).toEqual(['db:1', 'db:1', 'db:2']);
    await patch(l, { updateStrategy: { rollingUpdate: { partition: 0 } } });
    await l.until('rolled out', rolledOut(l));
    expect(await imagesOf(l)).toEqual(['db:2', 'db:2', 'db:2']);
  });

  it('with OnDelete waits for the user', async () => {
    await using l = lab().autoRun();
    await l.create('statefulsets', makeSet(2, { updateStrategy: { type: 'OnDelete' } }));
    await l.until('ready', ready(l, 2));
    await patch(l, image('db:2'));
    await l.clock.advance(60_000);
    expect(await imagesOf(l)).toEqual(['db:1', 'db:1']);
    await l.finish(await pod(l, 'db-1'));
    await l.until('replaced', async () => (await imagesOf(l)).join() === 'db:1,db:2');
  });

  it('that is stuck stays stuck after a rollback until its broken pod is deleted, as upstream', async () => {
    await using l = lab().autoRun({ ready: (each) => each.spec!.containers[0]!.image !== 'db:broken' });
    await l.create('statefulsets', makeSet(2));
    await l.until('ready', ready(l, 2));
    await patch(l, image('db:broken'));
    await l.until('stuck', async () => (await imagesOf(l)).join() === 'db:1,db:broken');
    await patch(l, image('db:1'));
    await l.clock.advance(600_000);
    expect(await imagesOf(l)).toEqual(['db:1', 'db:broken']);
    await l.finish(await pod(l, 'db-1'));
    await l.until('well', async () => (await imagesOf(l)).join() === 'db:1,db:1' && (await ready(l, 2)()));
  });

  it('keeps as many revisions as its limit says, and uses an old one again', async () => {
    await using l = lab().autoRun();
    await l.create('statefulsets', makeSet(1, { revisionHistoryLimit: 2 }));
    await l.until('ready', ready(l, 1));
    for (const version of [2, 3, 4, 5]) {
      await patch(l, image(`db:${version}`));
      await l.until(`db:${version}`, rolledOut(l));
    }
    await l.clock.advance(1000);
    const history = await l.list<ControllerRevision>('controllerrevisions');
    expect(history.map((each) => each.revision).sort()).toEqual([3, 4, 5]);
    await patch(l, image('db:4'));
    await l.until('back', async () => (await imagesOf(l)).join() === 'db:4' && (await rolledOut(l)()));
    const after = await l.list<ControllerRevision>('controllerrevisions');
    expect(after.map((each) => each.revision).sort()).toEqual([3, 5, 6]);
  });
});

describe('the claims of a stateful set', () => {
  it('are made before the pod, named after template, set and ordinal, and outlive it', async () => {
    await using l = lab().autoRun();
    await l.create('statefulsets', makeSet(2, { volumeClaimTemplates }));
    await l.until('ready', ready(l, 2));
    expect((await claims(l)).map((each) => each.metadata.name).sort()).toEqual(['data-db-0', 'data-db-1']);
    expect((await claims(l))[0]!.metadata.labels).toEqual(labels);
    expect((await pod(l, 'db-1')).spec!.volumes).toEqual([
      { name: 'data', persistentVolumeClaim: { claimName: 'data-db-1' } },
    ]);
    expect(await l.events('SuccessfulCreate')).toContain(
      'Normal SuccessfulCreate Create Claim data-db-1 Pod db-1 in StatefulSet db success',
    );
    await patch(l, { replicas: 0 });
    await l.until('down', async () => (await pods(l)).length === 0);
    expect(await claims(l)).toHaveLength(2);
    expect((await claims(l)).every((each) => (each.metadata.ownerReferences ?? []).length === 0)).toBe(true);
  });

  it('belong to the set, or to the pod that goes, as the retention policy says', async () => {
    await using l = lab().autoRun();
    const persistentVolumeClaimRetentionPolicy = { whenDeleted: 'Delete', whenScaled: 'Delete' } as const;
    await l.create('statefulsets', makeSet(2, { volumeClaimTemplates, persistentVolumeClaimRetentionPolicy }));
    await l.until('ready', ready(l, 2));
    const owners = async () =>
      (await claims(l))
        .sort((a, b) => (a.metadata.name! < b.metadata.name! ? -1 : 1))
        .map((each) => each.metadata.ownerReferences?.map((ref) => `${ref.kind}/${ref.name}`).join());
    await l.until('owned', async () => (await owners()).join(' ') === 'StatefulSet/db StatefulSet/db');
    await patch(l, { replicas: 1 });
    await l.until('pod owns', async () => (await owners())[1] === 'Pod/db-1');
    expect((await owners())[0]).toBe('StatefulSet/db');
    await patch(l, {
      replicas: 1,
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
    });
    await l.until('free', async () => (await owners())[0] === '');
  });
});
