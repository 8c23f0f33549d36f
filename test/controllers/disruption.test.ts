import { describe, expect, it } from 'vitest';
import type { Pod, PodDisruptionBudget, PodDisruptionBudgetSpec, ReplicaSet } from '../../src/api/index.ts';
import { rfc3339 } from '../../src/base/index.ts';
import { DisruptionController, ReplicaSetController } from '../../src/controllers/index.ts';
import { Lab } from '../helpers/controllers.ts';

const labels = { app: 'web' };

const makeBudget = (spec: PodDisruptionBudgetSpec): PodDisruptionBudget =>
  ({
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: { matchLabels: labels }, ...spec },
  }) as PodDisruptionBudget;

const makeReplicaSet = (replicas: number): ReplicaSet =>
  ({
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'nginx' }] } },
    },
  }) as ReplicaSet;

const get = async (l: Lab) => (await l.get<PodDisruptionBudget>('poddisruptionbudgets', 'default', 'web'))!.status;
const condition = async (l: Lab) => (await get(l))?.conditions?.map((c) => `${c.type}=${c.status} ${c.reason}`);
const patchStatus = (l: Lab, resource: string, name: string, status: object) =>
  l.client.resource(resource).namespace('default').patch(name, 'merge', { status }, { subresource: 'status' });

async function lab(spec: PodDisruptionBudgetSpec, replicas: number): Promise<Lab> {
  const l = new Lab();
  l.start(new DisruptionController(l.context), new ReplicaSetController(l.context)).autoRun();
  await l.create('replicasets', makeReplicaSet(replicas));
  await l.create('poddisruptionbudgets', makeBudget(spec));
  return l;
}

describe('a disruption budget', () => {
  for (const [what, spec, desired] of [
    ['minAvailable as a number', { minAvailable: 3 }, 3],
    ['minAvailable in percent, rounded up', { minAvailable: '51%' }, 3],
    ['maxUnavailable as a number', { maxUnavailable: 1 }, 4],
    ['maxUnavailable in percent, rounded up', { maxUnavailable: '30%' }, 3],
  ] as const) {
    it(`counts with ${what}`, async () => {
      await using l = await lab(spec, 5);
      await l.until('healthy', async () => (await get(l))?.currentHealthy === 5);
      expect(await get(l)).toMatchObject({
        expectedPods: 5,
        desiredHealthy: desired,
        disruptionsAllowed: 5 - desired,
        observedGeneration: 1,
      });
      expect(await condition(l)).toEqual(['DisruptionAllowed=True SufficientPods']);
    });
  }

  it('allows nothing when no pod could be spared, and nothing when there are none', async () => {
    await using l = await lab({ minAvailable: 5 }, 5);
    await l.until('healthy', async () => (await get(l))?.currentHealthy === 5);
    expect((await get(l))!.disruptionsAllowed).toBe(0);
    expect(await condition(l)).toEqual(['DisruptionAllowed=False InsufficientPods']);
    await l.client
      .resource('replicasets')
      .namespace('default')
      .patch('web', 'merge', { spec: { replicas: 0 } });
    await l.until('empty', async () => (await get(l))?.expectedPods === 0);
    expect((await get(l))!.disruptionsAllowed).toBe(0);
    expect(await l.events('NoPods')).toContain('Normal NoPods No matching pods found');
  });

  it('counts an evicted pod as gone for two minutes, then says that it was not deleted', async () => {
    await using l = await lab({ maxUnavailable: 1 }, 3);
    await l.until('healthy', async () => (await get(l))?.currentHealthy === 3);
    const [pod] = await l.list<Pod>('pods');
    const name = pod!.metadata.name!;
    await patchStatus(l, 'poddisruptionbudgets', 'web', { disruptedPods: { [name]: rfc3339(l.clock.now()) } });
    await l.until('counted', async () => (await get(l))?.currentHealthy === 2);
    expect(await get(l)).toMatchObject({ disruptionsAllowed: 0, disruptedPods: { [name]: expect.any(String) } });
    const from = l.clock.now();
    await l.until('back', async () => (await get(l))?.currentHealthy === 3);
    expect(l.clock.now() - from).toBeGreaterThanOrEqual(118_000);
    expect(l.clock.now() - from).toBeLessThan(122_000);
    expect((await get(l))!.disruptedPods).toBeUndefined();
    expect(await l.events('NotDeleted')).toEqual([
      "Warning NotDeleted Pod was expected by PDB default/web to be deleted but it wasn't",
    ]);
  });

  it('of pods whose owner it cannot know allows nothing and says why', async () => {
    await using l = await lab({ maxUnavailable: 1 }, 2);
    await l.until('healthy', async () => (await get(l))?.disruptionsAllowed === 1);
    const reference = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'gone', uid: 'u1', controller: true };
    await l.create('pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'stray', namespace: 'default', labels, ownerReferences: [reference] },
      spec: { containers: [{ name: 'web', image: 'nginx' }] },
    } as Pod);
    await l.until('failed', async () => (await condition(l))?.[0] === 'DisruptionAllowed=False SyncFailed');
    expect(await get(l)).toMatchObject({ disruptionsAllowed: 0 });
    expect((await get(l))!.conditions![0]!.message).toBe('found no controllers for pod "stray"');
    expect(await l.events('CalculateExpectedPodCountFailed')).toEqual([
      'Warning CalculateExpectedPodCountFailed Failed to calculate the number of expected pods: found no controllers for pod "stray"',
    ]);
  });

  it('warns of pods without an owner', async () => {
    await using l = new Lab();
    l.start(new DisruptionController(l.context)).autoRun();
    await l.create('poddisruptionbudgets', makeBudget({ maxUnavailable: 1 }));
    await l.create('pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'alone', namespace: 'default', labels },
      spec: { containers: [{ name: 'web', image: 'nginx' }] },
    } as Pod);
    await l.until('healthy', async () => (await get(l))?.currentHealthy === 1);
    expect(await get(l)).toMatchObject({ expectedPods: 0, disruptionsAllowed: 0 });
    expect((await l.events('UnmanagedPods'))[0]).toContain('were found to be unmanaged');
  });
});

it('a mark of disruption that nothing came of is taken off after two minutes', async () => {
  await using l = new Lab();
  l.start(new DisruptionController(l.context)).autoRun();
  await l.create('pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'default' },
    spec: { containers: [{ name: 'web', image: 'nginx' }] },
  } as Pod);
  const pod = () => l.get<Pod>('pods', 'default', 'web');
  const target = async () => (await pod())!.status!.conditions?.find((c) => c.type === 'DisruptionTarget');
  await l.until('running', async () => (await pod())?.status?.phase === 'Running');
  const at = rfc3339(l.clock.now());
  const conditions = [
    ...(await pod())!.status!.conditions!,
    { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI', lastTransitionTime: at },
  ];
  await patchStatus(l, 'pods', 'web', { conditions });
  await l.clock.advance(115_000);
  expect((await target())!.status).toBe('True');
  await l.until('off', async () => (await target())!.status === 'False', 10_000);
});
