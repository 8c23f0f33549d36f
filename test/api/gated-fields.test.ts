/** Which fields are kept depends on feature gates. */
import { expect, test } from 'vitest';
import { gatedPaths } from '../../src/api/gated-fields.ts';
import { loadBuiltinSchema, resourcesFor } from '../../src/api/index.ts';
import { allResources } from '../../src/api/runtime-config.ts';
import type { KubeObject, Schema } from '../../src/apimachinery/index.ts';

const now = Date.UTC(2026, 0, 1);
const context = { namespace: 'default', now, subresource: '' };

function created(kind: string, object: object, featureGates: Record<string, boolean> = {}): any {
  const row = resourcesFor({ featureGates }).find((candidate) => candidate.kind === kind)!;
  const copy = structuredClone(object) as KubeObject;
  row.strategy.prepareForCreate?.(copy, context);
  return copy;
}

const pod = (lifecycle: object) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web' },
  spec: { os: { name: 'linux' }, containers: [{ name: 'web', image: 'nginx', lifecycle }] },
});

test('a field of an alpha feature is dropped unless its gate is on', () => {
  const object = pod({ stopSignal: 'SIGTERM', preStop: { exec: { command: ['true'] } } });
  expect(created('Pod', object).spec.containers[0].lifecycle).toEqual({ preStop: { exec: { command: ['true'] } } });
  expect(created('Pod', object, { ContainerStopSignals: true }).spec.containers[0].lifecycle.stopSignal).toBe(
    'SIGTERM',
  );
});

test('what is empty without the field goes with it', () => {
  expect(created('Pod', pod({ stopSignal: 'SIGTERM' })).spec.containers[0]).not.toHaveProperty('lifecycle');
});

test('a field of a beta feature is dropped once its gate is off', () => {
  const object = { ...pod({}), spec: { ...pod({}).spec, hostnameOverride: 'other' } };
  expect(created('Pod', object).spec.hostnameOverride).toBe('other');
  expect(created('Pod', object, { HostnameOverride: false }).spec).not.toHaveProperty('hostnameOverride');
});

test('templates follow the rules of pods', () => {
  const template = { spec: pod({ stopSignal: 'SIGTERM' }).spec };
  const cron = { kind: 'CronJob', metadata: {}, spec: { jobTemplate: { spec: { template } } } };
  const { spec } = created('CronJob', cron).spec.jobTemplate.spec.template;
  expect(spec.containers[0]).not.toHaveProperty('lifecycle');
});

test('an object that has the field already keeps it, and may change it', () => {
  const row = resourcesFor().find(({ kind }) => kind === 'Pod')!;
  const old = pod({ stopSignal: 'SIGTERM' }) as unknown as KubeObject;
  const next = pod({ stopSignal: 'SIGKILL' }) as unknown as KubeObject;
  row.strategy.prepareForUpdate?.(next, old, context);
  expect(next['spec'].containers[0].lifecycle.stopSignal).toBe('SIGKILL');
  const fresh = pod({ stopSignal: 'SIGKILL' }) as unknown as KubeObject;
  row.strategy.prepareForUpdate?.(fresh, pod({}) as unknown as KubeObject, context);
  expect(fresh['spec'].containers[0]).not.toHaveProperty('lifecycle');
});

test('a data source in another namespace needs its gate, one in its own does not', () => {
  const claim = (source: object) => ({ kind: 'PersistentVolumeClaim', metadata: {}, spec: { dataSourceRef: source } });
  const source = { kind: 'PersistentVolumeClaim', name: 'a' };
  expect(created('PersistentVolumeClaim', claim({ ...source, namespace: 'b' })).spec).not.toHaveProperty(
    'dataSourceRef',
  );
  expect(created('PersistentVolumeClaim', claim(source)).spec.dataSourceRef).toEqual(source);
});

test('turning a gate on and off again gives the same rows as before', () => {
  const find = (featureGates: Record<string, boolean>) =>
    resourcesFor({ featureGates }).find(({ kind }) => kind === 'StatefulSet')!;
  const set = { kind: 'StatefulSet', metadata: {}, spec: { updateStrategy: { rollingUpdate: { maxUnavailable: 2 } } } };
  const prepared = (featureGates: Record<string, boolean>) => {
    const copy = structuredClone(set) as unknown as KubeObject;
    find(featureGates).strategy.prepareForCreate?.(copy, context);
    return copy['spec'].updateStrategy.rollingUpdate;
  };
  expect(prepared({ MaxUnavailableStatefulSet: true })).toEqual({ maxUnavailable: 2 });
  expect(prepared({ MaxUnavailableStatefulSet: false })).toEqual({});
});

test('every gated path leads to a field of its type', () => {
  const schemas = loadBuiltinSchema();
  const lost: string[] = [];
  for (const row of allResources) {
    if (typeof row.schema !== 'string') continue;
    for (const path of gatedPaths(row.kind)) {
      let schema: Schema | undefined = schemas.get(row.schema);
      for (const field of path) {
        schema = schema && schemas.resolve(schema);
        schema = schema?.properties?.[field];
        schema = schema && schemas.resolve(schema);
        if (schema?.items) schema = schemas.resolve(schema.items);
      }
      if (schema === undefined) lost.push(`${row.version} ${row.kind} ${path.join('.')}`);
    }
  }
  // These have another shape and are converted; the rest must be there.
  expect(lost.filter((text) => !/^v1beta1 |^v1 HorizontalPod/.test(text))).toEqual([]);
});
