/** Finer points of writes that clients lean on. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configMap, configMaps, deployments, type Harness, pods, startHarness } from '../harness.ts';

let h: Harness;
beforeEach(async () => {
  h = await startHarness();
});
afterEach(() => h.close());

const send = (method: 'POST' | 'PUT', path: string, body: object, query: Record<string, string> = {}) =>
  h.client.request({ method, path, body, query });

it('a generated name that another server has just taken is tried again', async () => {
  const names: string[] = [];
  // Another server writes each name before this one does.
  const txn = h.kv.txn.bind(h.kv);
  h.kv.txn = async (request) => {
    const put = request.success?.[0];
    if (put?.op === 'put' && names.length < 3) {
      names.push(Buffer.from(put.put.key).toString());
      await txn({ compare: [], success: [put], failure: [] });
    }
    return txn(request);
  };
  const made = await h.post(configMaps, { ...configMap(''), metadata: { generateName: 'cm-' } });
  expect(new Set(names).size).toBe(3);
  expect(names.map((key) => key.split('/').at(-1))).not.toContain(made.metadata.name);
});

describe('owner references that stand there twice', () => {
  const owner = (uid: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', name: 'o', uid });
  const text = (uids: string) =>
    `.metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${uids}`;

  it('are dropped with a warning, on create and update', async () => {
    const ownerReferences = [owner('1'), owner('2'), owner('1')];
    const created = await send('POST', configMaps, configMap('a', {}, { ownerReferences }));
    expect(created.body.metadata.ownerReferences).toEqual([owner('1'), owner('2')]);
    expect(created.warnings).toEqual([text('1')]);
    const updated = await send(
      'PUT',
      `${configMaps}/a`,
      configMap('a', {}, { ownerReferences: [owner('2'), owner('2')] }),
    );
    expect(updated.body.metadata.ownerReferences).toEqual([owner('2')]);
    expect(updated.warnings).toEqual([text('2')]);
  });
});

it('a namespace given to what has none is forgotten', async () => {
  const made = await h.post('/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'n', namespace: 'zz' },
  });
  expect(made.metadata.namespace).toBeUndefined();
});

describe('dry run', () => {
  const dryRun = { dryRun: 'All' };
  it('of every write says what would be and writes nothing', async () => {
    const a = await h.post(configMaps, configMap('a'));
    const before = h.kv.revision;
    expect((await h.post(configMaps, configMap('b'), dryRun)).metadata.uid).toBeDefined();
    expect((await h.put(`${configMaps}/a`, configMap('a', { x: 'y' }), dryRun)).data).toEqual({ x: 'y' });
    expect((await h.patch(`${configMaps}/a`, { data: { p: 'q' } }, undefined, dryRun)).data.p).toBe('q');
    const applied = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'new' }, data: { k: 'v' } };
    const apply = { ...dryRun, fieldManager: 'm' };
    expect((await h.patch(`${configMaps}/new`, applied, 'application/apply-patch+yaml', apply)).data).toEqual({
      k: 'v',
    });
    expect((await h.delete(`${configMaps}/a`, { dryRun: ['All'] })).status).toBe('Success');
    expect(h.kv.revision).toBe(before);
    expect((await h.get(`${configMaps}/a`)).metadata.resourceVersion).toBe(a.metadata.resourceVersion);
  });
});

describe('status and scale', () => {
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'nginx' }] } },
    },
  };

  it('a write of status changes no spec, label or generation, and the other way round', async () => {
    await h.post(deployments, { ...deployment, status: { replicas: 9 } });
    const made = await h.get(`${deployments}/web`);
    expect(made.status).toEqual({});
    const status = await h.put(`${deployments}/web/status`, {
      ...made,
      metadata: { ...made.metadata, labels: { x: 'y' } },
      spec: { ...made.spec, replicas: 5 },
      status: { replicas: 1, observedGeneration: 1 },
    });
    expect(status.spec.replicas).toBe(1);
    expect(status.metadata.generation).toBe(1);
    expect(status.status.replicas).toBe(1);
    const spec = await h.put(`${deployments}/web`, { ...status, spec: { ...status.spec, replicas: 3 }, status: {} });
    expect(spec.status.replicas).toBe(1);
    expect(spec.metadata.generation).toBe(2);
  });

  it('managedFields tell the subresource a manager wrote through', async () => {
    await h.post(deployments, deployment, { fieldManager: 'one' });
    const merge = 'application/merge-patch+json';
    await h.patch(`${deployments}/web/status`, { status: { replicas: 1 } }, merge, { fieldManager: 'two' });
    await h.patch(`${deployments}/web/scale`, { spec: { replicas: 2 } }, merge, { fieldManager: 'three' });
    const { managedFields } = (await h.get(`${deployments}/web`)).metadata;
    expect(managedFields.map(({ manager, subresource }: any) => [manager, subresource])).toEqual(
      expect.arrayContaining([
        ['one', undefined],
        ['two', 'status'],
        ['three', 'scale'],
      ]),
    );
    const scaled = managedFields.find(({ manager }: any) => manager === 'three');
    expect(scaled.fieldsV1).toEqual({ 'f:spec': { 'f:replicas': {} } });
  });
});

it('the conflict of an apply names manager, kind and field', async () => {
  const body = (value: string) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'a' },
    data: { k: value },
  });
  const apply = (value: string, query: Record<string, string>) =>
    h.patch(`${configMaps}/a`, body(value), 'application/apply-patch+yaml', query);
  await apply('1', { fieldManager: 'one' });
  await expect(apply('2', { fieldManager: 'two' })).rejects.toMatchObject({
    code: 409,
    message: 'Apply failed with 1 conflict: conflict with "one": .data.k',
    status: {
      reason: 'Conflict',
      details: { causes: [{ reason: 'FieldManagerConflict', field: '.data.k', message: 'conflict with "one"' }] },
    },
  });
  expect((await apply('2', { fieldManager: 'two', force: 'true' })).data).toEqual({ k: '2' });
});

it('a collection is deleted as selected, and answers with what it was', async () => {
  for (const name of ['a', 'b', 'c']) await h.post(configMaps, configMap(name, {}, { labels: { n: name } }));
  const list = (await h.client.request({ method: 'DELETE', path: configMaps, query: { labelSelector: 'n in (a,b)' } }))
    .body;
  expect(list.kind).toBe('ConfigMapList');
  expect(list.items.map((item: any) => item.metadata.name)).toEqual(['a', 'b']);
  expect((await h.get(configMaps)).items.map((item: any) => item.metadata.name)).toEqual(['c']);
  expect((await h.get(pods)).items).toEqual([]);
});
