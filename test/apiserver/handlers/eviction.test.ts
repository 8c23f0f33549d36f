import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StatusError } from '../../../src/apimachinery/index.ts';
import { type Harness, pod, pods, startHarness } from '../harness.ts';

let h: Harness;
beforeEach(async () => {
  h = await startHarness();
});
afterEach(() => h.close());

const budgets = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';
const evict = (name: string, deleteOptions?: object) =>
  h.post(`${pods}/${name}/eviction`, {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name },
    ...(deleteOptions && { deleteOptions }),
  });
const refused = (promise: Promise<unknown>): Promise<StatusError> =>
  promise.then(
    () => {
      throw new Error('not refused');
    },
    (error: StatusError) => error,
  );

async function runningPod(name: string, options: { ready?: boolean; phase?: string } = {}): Promise<void> {
  const { ready = true, phase = 'Running' } = options;
  await h.post(pods, pod(name, { nodeName: 'node-1' }, { labels: { app: 'a' } }));
  const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False' }];
  await h.patch(`${pods}/${name}/status`, { status: { phase, conditions } });
}

async function budget(name: string, status: object, spec: object = {}): Promise<void> {
  const body = { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name } };
  await h.post(budgets, { ...body, spec: { minAvailable: 1, selector: { matchLabels: { app: 'a' } }, ...spec } });
  await h.patch(`${budgets}/${name}/status`, { status: { observedGeneration: 1, expectedPods: 2, ...status } });
}

describe('an eviction', () => {
  it('without budget: the pod is marked and goes gracefully, as asked', async () => {
    await runningPod('p');
    expect(await evict('p', { gracePeriodSeconds: 7 })).toMatchObject({ kind: 'Status', status: 'Success' });
    const evicted = await h.get(`${pods}/p`);
    expect(evicted.metadata).toMatchObject({ deletionGracePeriodSeconds: 7 });
    expect(evicted.status.conditions).toContainEqual(
      expect.objectContaining({
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'EvictionByEvictionAPI',
        message: 'Eviction API: evicting',
      }),
    );
  });

  it('takes one disruption from the budget and leaves the pod’s name in it', async () => {
    await runningPod('p');
    await budget('b', { disruptionsAllowed: 1, currentHealthy: 2, desiredHealthy: 1 });
    await evict('p');
    const { status } = await h.get(`${budgets}/b`);
    expect(status.disruptionsAllowed).toBe(0);
    expect(Object.keys(status.disruptedPods)).toEqual(['p']);
    expect(status.conditions).toContainEqual(
      expect.objectContaining({ type: 'DisruptionAllowed', status: 'False', reason: 'InsufficientPods' }),
    );
  });

  it('is refused with 429 when the budget has none to spare', async () => {
    await runningPod('p');
    await budget('b', { disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1 });
    const error = await refused(evict('p'));
    expect([error.code, error.reason]).toEqual([429, 'TooManyRequests']);
    expect(error.message).toBe("Cannot evict pod as it would violate the pod's disruption budget.");
    expect(error.status.details).toEqual({
      causes: [
        { reason: 'DisruptionBudget', message: 'The disruption budget b needs 1 healthy pods and has 1 currently' },
      ],
    });
    const kept = await h.get(`${pods}/p`);
    expect(kept.metadata.deletionTimestamp).toBeUndefined();
    expect(kept.status.conditions).toHaveLength(1);
  });

  it('waits for a budget that is not counted yet', async () => {
    await runningPod('p');
    await budget('b', { observedGeneration: 0, disruptionsAllowed: 1 });
    const error = await refused(evict('p'));
    expect(error.code).toBe(429);
    expect(error.status.details?.retryAfterSeconds).toBe(10);
    expect(error.status.details?.causes?.[0]?.message).toBe(
      'The disruption budget b is still being processed by the server.',
    );
  });

  it('says what a failed sync said', async () => {
    await runningPod('p');
    const conditions = [
      {
        type: 'DisruptionAllowed',
        status: 'False',
        reason: 'SyncFailed',
        message: 'no scale',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ];
    await budget('b', { disruptionsAllowed: 0, currentHealthy: 5, desiredHealthy: 1, conditions });
    expect((await refused(evict('p'))).status.details?.causes?.[0]?.message).toBe(
      'The disruption budget b does not allow evicting pods currently because it failed sync: no scale',
    );
  });

  it('of a pod that is not ready costs nothing where enough are healthy, or the budget says so', async () => {
    await budget('b', { disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1 });
    await runningPod('enough', { ready: false });
    await evict('enough');
    await h.patch(`${budgets}/b/status`, { status: { currentHealthy: 0 } });
    await runningPod('few', { ready: false });
    expect((await refused(evict('few'))).code).toBe(429);
    await h.patch(`${budgets}/b`, { spec: { unhealthyPodEvictionPolicy: 'AlwaysAllow' } });
    await evict('few');
    expect((await h.get(`${pods}/few`)).metadata.deletionTimestamp).toBeDefined();
  });

  it('of a pod that has ended needs no budget; several budgets are an error', async () => {
    await budget('b', { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 1 });
    await budget('c', { disruptionsAllowed: 0 });
    await runningPod('ended', { phase: 'Succeeded' });
    await evict('ended');
    await runningPod('p');
    const error = await refused(evict('p'));
    expect([error.code, error.message]).toEqual([
      500,
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    ]);
  });

  it('keeps preconditions, and changes nothing on a dry run', async () => {
    await runningPod('p');
    await budget('b', { disruptionsAllowed: 1, currentHealthy: 2, desiredHealthy: 1 });
    await evict('p', { dryRun: ['All'] });
    expect((await h.get(`${pods}/p`)).metadata.deletionTimestamp).toBeUndefined();
    expect((await h.get(`${budgets}/b`)).status.disruptionsAllowed).toBe(1);
    const error = await refused(evict('p', { preconditions: { uid: 'other' } }));
    expect(error.code).toBe(409);
  });

  it('names the pod of the URL', async () => {
    await runningPod('p');
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'q' } };
    expect((await refused(h.post(`${pods}/p/eviction`, body))).message).toBe(
      'name in URL does not match name in Eviction object',
    );
    expect((await refused(evict('nobody'))).code).toBe(404);
    await h.post(`${pods}/p/eviction`, { ...body, apiVersion: 'policy/v1beta1', metadata: { name: 'p' } });
  });
});

describe('ephemeral containers', () => {
  it('may be added, not changed or removed', async () => {
    await runningPod('p');
    const put = (...ephemeralContainers: object[]) =>
      h.patch(`${pods}/p/ephemeralcontainers`, { spec: { ephemeralContainers } });
    await put({ name: 'dbg', image: 'busybox' });
    const added = (await h.get(`${pods}/p`)).spec.ephemeralContainers;
    expect(added).toMatchObject([{ name: 'dbg', image: 'busybox' }]);
    expect((await refused(put({ ...added[0], image: 'other' }))).message).toContain(
      'spec.ephemeralContainers: Forbidden: existing ephemeral containers "dbg" may not be changed',
    );
    expect((await refused(put())).message).toContain('"dbg" may not be removed');
    await put(added[0], { name: 'second', image: 'busybox' });
    expect((await h.get(`${pods}/p`)).spec.ephemeralContainers).toHaveLength(2);
  });
});
