/** Who owns the replicas of an object, whether they are written on it or on its scale. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StatusError } from '../../../src/apimachinery/index.ts';
import { type Harness, startHarness } from '../harness.ts';

let h: Harness;
beforeEach(async () => {
  h = await startHarness();
});
afterEach(() => h.close());

const applyType = 'application/apply-patch+yaml';
const mergeType = 'application/merge-patch+json';
const labels = { app: 'web' };
const template = { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'nginx' }] } };

const kinds = [
  ['apps/v1', 'Deployment', 'deployments', { selector: { matchLabels: labels } }],
  ['apps/v1', 'StatefulSet', 'statefulsets', { selector: { matchLabels: labels }, serviceName: 'web' }],
  ['apps/v1', 'ReplicaSet', 'replicasets', { selector: { matchLabels: labels } }],
  ['v1', 'ReplicationController', 'replicationcontrollers', { selector: labels }],
] as const;

describe.each(kinds)('%s %s', (apiVersion, kind, plural, more) => {
  const path = `${apiVersion === 'v1' ? '/api' : '/apis'}/${apiVersion}/namespaces/default/${plural}/web`;
  const configuration = { apiVersion, kind, metadata: { name: 'web' }, spec: { replicas: 1, template, ...more } };
  const scale = (replicas: number) => ({
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name: 'web', namespace: 'default' },
    spec: { replicas },
  });
  const apply = (fieldManager: string, force = false) =>
    h.patch(path, configuration, applyType, { fieldManager, ...(force ? { force: 'true' } : {}) });
  const applyScale = (replicas: number, fieldManager: string, force = false) =>
    h.patch(`${path}/scale`, scale(replicas), applyType, { fieldManager, ...(force ? { force: 'true' } : {}) });

  /** `<replicas>: <owners>`, an owner through the scale with its slash. */
  async function owners(): Promise<string> {
    const { spec, metadata } = await h.get(path);
    const owning = metadata.managedFields
      .filter(({ fieldsV1 }: any) => fieldsV1['f:spec']?.['f:replicas'] !== undefined)
      .map(({ manager, subresource }: any) => `${manager}${subresource === undefined ? '' : `/${subresource}`}`);
    return `${spec.replicas}: ${owning.sort().join(' ')}`;
  }

  it('is handed from manager to manager', async () => {
    await apply('app');
    expect(await owners()).toBe('1: app');
    await h.patch(`${path}/scale`, { spec: { replicas: 5 } }, mergeType, { fieldManager: 'hpa' });
    expect(await owners()).toBe('5: hpa/scale');
    const refused: StatusError = await apply('app').catch((error) => error);
    expect(refused.message).toContain(
      `conflict with "hpa" with subresource "scale" using ${apiVersion}: .spec.replicas`,
    );
    await apply('app', true);
    expect(await owners()).toBe('1: app');

    const conflict: StatusError = await applyScale(17, 'scaler').catch((error) => error);
    expect([conflict.code, conflict.message]).toEqual([
      409,
      'Apply failed with 1 conflict: conflict with "app": .spec.replicas',
    ]);
    await applyScale(17, 'scaler', true);
    expect(await owners()).toBe('17: scaler/scale');
    await h.put(`${path}/scale`, scale(7), { fieldManager: 'replacer' });
    expect(await owners()).toBe('7: replacer/scale');
    await applyScale(7, 'second');
    expect(await owners()).toBe('7: replacer/scale second/scale');
    await h.patch(`${path}/scale`, { spec: { replicas: 5 } }, mergeType, { fieldManager: 'hpa' });
    expect(await owners()).toBe('5: hpa/scale');
    const { metadata } = await h.get(path);
    // The rest is the first manager's all the time.
    expect(
      metadata.managedFields.find(({ manager }: any) => manager === 'app').fieldsV1['f:spec']['f:template'],
    ).toBeDefined();
  });

  it('is not touched by a status or by the same number again', async () => {
    await apply('app');
    const { resourceVersion } = (await h.get(path)).metadata;
    await h.patch(`${path}/scale`, { status: { replicas: 42 } }, mergeType, { fieldManager: 'other' });
    await h.patch(`${path}/scale`, { spec: { replicas: 1 } }, mergeType, { fieldManager: 'other' });
    expect(await owners()).toBe('1: app');
    expect((await h.get(path)).metadata.resourceVersion).toBe(resourceVersion);
  });

  it('an apply that does not say replicas gives them up and keeps the number', async () => {
    await apply('app');
    await applyScale(1, 'scaler');
    expect(await owners()).toBe('1: app scaler/scale');
    const { replicas: _, ...spec } = configuration.spec;
    await h.patch(path, { ...configuration, spec }, applyType, { fieldManager: 'app' });
    expect(await owners()).toBe('1: scaler/scale');
  });

  it('a scale that is not there, of another kind, or with unknown fields is refused', async () => {
    const code = (promise: Promise<unknown>) =>
      promise.then(
        () => 0,
        (error: StatusError) => `${error.code} ${error.message}`,
      );
    expect(await code(applyScale(1, 'scaler'))).toContain('404');
    await apply('app');
    const query = { fieldManager: 'x', fieldValidation: 'Strict' };
    expect(await code(h.patch(`${path}/scale`, configuration, applyType, query))).toContain('invalid object type');
    const odd = () => ({ ...scale(2), spec: { replicas: 2, oops: 1 } });
    expect(await code(h.put(`${path}/scale`, odd(), query))).toBe(
      '400 Scale in version "v1" cannot be handled as a Scale: strict decoding error: unknown field "spec.oops"',
    );
    expect(await code(h.patch(`${path}/scale`, odd(), applyType, query))).toContain(
      '.spec.oops: field not declared in schema',
    );
    expect(await code(h.patch(`${path}/scale`, scale(2), applyType))).toContain('fieldManager: Required value');
  });
});
