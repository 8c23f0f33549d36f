/** Grace periods, finalizers, propagation and preconditions of deletions, alone and together. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StatusError } from '../../../src/apimachinery/index.ts';
import { configMap, configMaps, type Harness, pod, pods, startHarness } from '../harness.ts';

let h: Harness;
beforeEach(async () => {
  h = await startHarness();
});
afterEach(() => h.close());

const jobs = '/apis/batch/v1/namespaces/default/jobs';
const job = (name: string, metadata: object = {}) => ({
  metadata: { name, ...metadata },
  spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } } },
});

async function refused(promise: Promise<unknown>): Promise<StatusError> {
  const error = await promise.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  if (!(error instanceof StatusError)) throw new Error(`not refused: ${error}`);
  return error;
}

/** `gone`, or `<seconds of grace>s at <seconds after the start> [finalizers]`. */
async function stateOf(path: string): Promise<string> {
  try {
    const { deletionTimestamp, deletionGracePeriodSeconds, finalizers = [] } = (await h.get(path)).metadata;
    if (deletionTimestamp === undefined) return `stays [${finalizers}]`;
    const at = (Date.parse(deletionTimestamp) - Date.UTC(2026, 0, 1)) / 1000;
    return `${deletionGracePeriodSeconds}s at ${at} [${finalizers}]`;
  } catch (error) {
    if (error instanceof StatusError && error.code === 404) return 'gone';
    throw error;
  }
}

describe('propagation', () => {
  const foreground = { propagationPolicy: 'Foreground' };
  const background = { propagationPolicy: 'Background' };
  const orphan = { propagationPolicy: 'Orphan' };
  it.each([
    ['configmaps', [], {}, 'gone'],
    ['configmaps', [], background, 'gone'],
    ['configmaps', [], foreground, '0s at 0 [foregroundDeletion]'],
    ['configmaps', [], orphan, '0s at 0 [orphan]'],
    ['configmaps', [], { orphanDependents: true }, '0s at 0 [orphan]'],
    ['configmaps', [], { orphanDependents: false }, 'gone'],
    ['configmaps', ['orphan'], {}, '0s at 0 [orphan]'],
    ['configmaps', ['foregroundDeletion'], {}, '0s at 0 [foregroundDeletion]'],
    ['configmaps', ['orphan'], foreground, '0s at 0 [foregroundDeletion]'],
    ['configmaps', ['foregroundDeletion'], background, 'gone'],
    ['configmaps', ['orphan'], background, 'gone'],
    ['configmaps', ['a.io/f'], {}, '0s at 0 [a.io/f]'],
    ['configmaps', ['a.io/f'], orphan, '0s at 0 [a.io/f,orphan]'],
    ['configmaps', ['a.io/f'], { ...background, gracePeriodSeconds: 5 }, '0s at 0 [a.io/f]'],
    // For clients of old, dependents of a job are orphaned unless somebody says otherwise.
    ['jobs', [], {}, '0s at 0 [orphan]'],
    ['jobs', [], background, 'gone'],
    ['jobs', ['foregroundDeletion'], {}, '0s at 0 [foregroundDeletion]'],
  ])('%s with %j and %j: %s', async (plural, finalizers, options, expected) => {
    const [path, object] =
      plural === 'jobs' ? [jobs, job('a', { finalizers })] : [configMaps, configMap('a', {}, { finalizers })];
    await h.post(path, object);
    const dry = await h.client.request({ method: 'DELETE', path: `${path}/a`, body: { ...options, dryRun: ['All'] } });
    expect(dry.code).toBe(200);
    expect(await stateOf(`${path}/a`)).toBe(`stays [${finalizers}]`);
    await h.delete(`${path}/a`, options);
    expect(await stateOf(`${path}/a`)).toBe(expected);
  });

  it('changes its mind as long as the object is there, without moving the moment of deletion', async () => {
    await h.post(configMaps, configMap('a', {}, { finalizers: ['a.io/f'] }));
    await h.delete(`${configMaps}/a`, orphan);
    await h.clock.advance(5000);
    await h.delete(`${configMaps}/a`, foreground);
    expect(await stateOf(`${configMaps}/a`)).toBe('0s at 0 [a.io/f,foregroundDeletion]');
    const { metadata } = await h.patch(`${configMaps}/a`, { metadata: { finalizers: null } });
    expect(metadata.finalizers).toBeUndefined();
    expect(await stateOf(`${configMaps}/a`)).toBe('gone');
  });

  it('is answered 202 only when it is asked for in the old way', async () => {
    const answers: unknown[] = [];
    for (const options of [foreground, { orphanDependents: false }, background]) {
      await h.post(configMaps, configMap('a', {}, { finalizers: ['a.io/f'] }));
      const { code, body } = await h.client.request({
        method: 'DELETE',
        path: `${configMaps}/a`,
        body: { ...options },
      });
      answers.push([code, (body as any).kind]);
      await h.patch(`${configMaps}/a`, { metadata: { finalizers: null } });
    }
    expect(answers).toEqual([
      [200, 'ConfigMap'],
      [202, 'ConfigMap'],
      [200, 'ConfigMap'],
    ]);
  });

  it('a deletion sets generation once', async () => {
    await h.post(jobs, job('a', { finalizers: ['a.io/f'] }));
    for (let i = 0; i < 2; i++) await h.delete(`${jobs}/a`, background);
    expect((await h.get(`${jobs}/a`)).metadata.generation).toBe(2);
  });
});

describe('grace of pods', () => {
  const running = (spec: object = {}) => pod('p', { nodeName: 'n', ...spec });
  it.each([
    ['the default', running(), [{}], '30s at 30 []'],
    ['its own', running({ terminationGracePeriodSeconds: 7 }), [{}], '7s at 7 []'],
    ['the request’s', running(), [{ gracePeriodSeconds: 3 }], '3s at 3 []'],
    ['none', running(), [{ gracePeriodSeconds: 0 }], 'gone'],
    ['less than none', running(), [{ gracePeriodSeconds: -5 }], '1s at 1 []'],
    ['not scheduled', pod('p'), [{ gracePeriodSeconds: 9 }], 'gone'],
    ['shorter', running(), [{}, { gracePeriodSeconds: 10 }], '10s at 10 []'],
    ['longer', running(), [{ gracePeriodSeconds: 10 }, { gracePeriodSeconds: 20 }], '10s at 10 []'],
    ['the same again', running(), [{ gracePeriodSeconds: 10 }, {}], '10s at 10 []'],
    ['force afterwards', running(), [{}, { gracePeriodSeconds: 0 }], 'gone'],
    ['less than none afterwards', running(), [{}, { gracePeriodSeconds: -1 }], '1s at 1 []'],
    ['orphans', running(), [{ propagationPolicy: 'Orphan' }], '30s at 30 [orphan]'],
    ['changed while it runs', running(), [{}, { propagationPolicy: 'Orphan' }], '30s at 30 []'],
    [
      'shortened with orphans',
      running(),
      [{}, { gracePeriodSeconds: 4, propagationPolicy: 'Orphan' }],
      '4s at 4 [orphan]',
    ],
  ] as const)('%s', async (_, object, requests, expected) => {
    await h.post(pods, structuredClone(object));
    for (const options of requests) await h.delete(`${pods}/p`, { ...options });
    expect(await stateOf(`${pods}/p`)).toBe(expected);
  });

  it('shortening never ends in the past', async () => {
    await h.post(pods, running());
    await h.delete(`${pods}/p`, {});
    await h.clock.advance(20_000);
    await h.delete(`${pods}/p`, { gracePeriodSeconds: 10 });
    expect(await stateOf(`${pods}/p`)).toBe('1s at 20 []');
  });

  it('a forced deletion waits for finalizers and then is final', async () => {
    await h.post(pods, { ...running(), metadata: { name: 'p', finalizers: ['a.io/f'] } });
    await h.delete(`${pods}/p`, {});
    await h.delete(`${pods}/p`, { gracePeriodSeconds: 0 });
    expect(await stateOf(`${pods}/p`)).toBe('0s at 0 [a.io/f]');
    await h.delete(`${pods}/p`, { propagationPolicy: 'Foreground' });
    expect(await stateOf(`${pods}/p`)).toBe('0s at 0 [a.io/f,foregroundDeletion]');
    await h.patch(`${pods}/p`, { metadata: { finalizers: null } });
    expect(await stateOf(`${pods}/p`)).toBe('gone');
  });

  it('finalizers may go but not come while it is deleted', async () => {
    await h.post(pods, { ...running(), metadata: { name: 'p', finalizers: ['a.io/f', 'a.io/g'] } });
    await h.delete(`${pods}/p`, {});
    await h.patch(`${pods}/p`, { metadata: { finalizers: ['a.io/g'] } });
    expect(await stateOf(`${pods}/p`)).toBe('30s at 30 [a.io/g]');
    const error = await refused(h.patch(`${pods}/p`, { metadata: { finalizers: ['a.io/g', 'a.io/h'] } }));
    expect(error.message).toBe(
      'Pod "p" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"a.io/h"}',
    );
  });
});

describe('preconditions', () => {
  it.each([
    [
      { uid: 'other' },
      /^Operation cannot be fulfilled on ConfigMap "a": the UID in the precondition \(other\) does not match the UID in record \([-0-9a-f]{36}\)\. The object might have been deleted and then recreated$/,
    ],
    [
      { resourceVersion: '1' },
      /^Operation cannot be fulfilled on ConfigMap "a": the ResourceVersion in the precondition \(1\) does not match the ResourceVersion in record \(2\)\. The object might have been modified$/,
    ],
  ])('%j', async (preconditions, message) => {
    await h.post(configMaps, configMap('a'));
    const error = await refused(h.delete(`${configMaps}/a`, { preconditions }));
    expect([error.code, error.reason, (error.status.details as any).kind]).toEqual([409, 'Conflict', 'ConfigMap']);
    expect(error.message).toMatch(message);
    expect(await stateOf(`${configMaps}/a`)).toBe('stays []');
  });

  it('those that hold delete, also an object that has to be marked first', async () => {
    for (const finalizers of [[], ['orphan']]) {
      const { metadata } = await h.post(configMaps, configMap('a', {}, { finalizers }));
      const { uid, resourceVersion } = metadata;
      const options = { preconditions: { uid, resourceVersion }, propagationPolicy: 'Background' };
      await h.delete(`${configMaps}/a`, options);
      expect(await stateOf(`${configMaps}/a`)).toBe('gone');
    }
  });
});

describe('a whole collection', () => {
  it('goes by selector, with the options of each, and is answered with what was there', async () => {
    for (const [name, team] of [
      ['a', 'x'],
      ['b', 'y'],
      ['c', 'x'],
    ]) {
      await h.post(configMaps, configMap(name!, {}, { labels: { team } }));
    }
    const send = (body: object, query: Record<string, string>) =>
      h.client.request({ method: 'DELETE', path: configMaps, body, query });
    const dry = await send({}, { labelSelector: 'team=x', dryRun: 'All' });
    expect((dry.body as any).items).toHaveLength(2);
    expect((await h.get(configMaps)).items).toHaveLength(3);
    const { body } = await send({ propagationPolicy: 'Orphan' }, { labelSelector: 'team=x' });
    expect((body as any).items.map((item: any) => item.metadata.name)).toEqual(['a', 'c']);
    expect(await Promise.all(['a', 'b', 'c'].map((name) => stateOf(`${configMaps}/${name}`)))).toEqual([
      '0s at 0 [orphan]',
      'stays []',
      '0s at 0 [orphan]',
    ]);
    const error = await refused(send({ preconditions: { uid: 'nobody' } }, { fieldSelector: 'metadata.name=b' }));
    expect(error.code).toBe(409);
    await send({}, {});
    expect(await stateOf(`${configMaps}/b`)).toBe('gone');
  });
});
