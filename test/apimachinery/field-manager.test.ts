import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type ApplyRequest,
  decodeFieldsV1,
  deepCopy,
  deepFreeze,
  encodeFieldsV1,
  FieldManager,
  formatFieldPath,
  isConflict,
  type KubeObject,
  keepManagedFieldsTimes,
  type StatusError,
  upgradeManagedFields,
} from '../../src/apimachinery/index.ts';
import { deploymentSchema, makeDeployment, schemas } from './schemas.ts';

const fields = new FieldManager({ schemas, schemaOf: () => deploymentSchema });
const start = Date.UTC(2026, 0, 1);

function apply(
  live: KubeObject | undefined,
  applied: unknown,
  manager: string,
  more: Partial<ApplyRequest> = {},
): KubeObject {
  const request = { live, applied: deepFreeze(applied) as KubeObject, manager, force: false, now: start, ...more };
  return deepFreeze(fields.apply(request)) as KubeObject;
}

function conflictOf(run: () => unknown): StatusError {
  try {
    run();
  } catch (error) {
    if (isConflict(error)) return error;
    throw error;
  }
  throw new Error('no conflict');
}

const config = (spec: Record<string, unknown>, metadata: Record<string, unknown> = {}): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default', ...metadata },
  spec,
});

const nothing = clean(config(undefined as never));

const owned = (object: KubeObject, manager: string): unknown =>
  object.metadata.managedFields?.find((entry) => entry.manager === manager)?.fieldsV1;

describe('updates', () => {
  test('a create owns all it sets; entries are what upstream writes', () => {
    const created = fields.update({
      live: undefined,
      object: deepFreeze(makeDeployment()),
      manager: 'kubectl-create',
      now: start,
    });
    expect(created.metadata.managedFields).toHaveLength(1);
    expect(created.metadata.managedFields![0]).toMatchObject({
      manager: 'kubectl-create',
      operation: 'Update',
      apiVersion: 'apps/v1',
      time: '2026-01-01T00:00:00Z',
      fieldsType: 'FieldsV1',
    });
    const own: any = created.metadata.managedFields![0]!.fieldsV1;
    // Struct fields that Go always writes have no entry of their own, what can be absent has one.
    expect(Object.keys(own)).toEqual(['f:metadata', 'f:spec']);
    expect(Object.keys(own['f:spec'])).toEqual(['f:replicas', 'f:selector', 'f:strategy', 'f:template']);
    expect(own['f:metadata']['f:labels']).toEqual({ '.': {}, 'f:app': {}, 'f:tier': {} });
    expect(own['f:metadata']['f:finalizers']).toEqual({ '.': {}, 'v:"a/x"': {}, 'v:"b/x"': {}, 'v:"c/x"': {} });
    expect(own['f:spec']['f:selector']).toEqual({});
    expect(own['f:spec']['f:strategy']).toEqual({
      'f:rollingUpdate': { '.': {}, 'f:maxSurge': {}, 'f:maxUnavailable': {} },
      'f:type': {},
    });
    const containers = own['f:spec']['f:template']['f:spec']['f:containers'];
    expect(Object.keys(containers)).toEqual(['k:{"name":"side"}', 'k:{"name":"third"}', 'k:{"name":"web"}']);
    expect(containers['k:{"name":"web"}']['f:ports']).toEqual({
      '.': {},
      'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {}, 'f:name': {} },
      'k:{"containerPort":443,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {}, 'f:name': {} },
    });
    expect(own['f:spec']['f:template']['f:spec']['f:nodeSelector']).toEqual({});
  });

  test('an update takes what it changes and only that; a subresource has its own entry', () => {
    const created = fields.update({ live: undefined, object: makeDeployment(), manager: 'a', now: start });
    const live: KubeObject = { ...created, metadata: { ...created.metadata, uid: 'u' } };
    const scaled = fields.update({
      live,
      object: { ...live, spec: { ...live['spec'], replicas: 9 } },
      manager: 'b',
      now: start + 5000,
    });
    expect(owned(scaled, 'b')).toEqual({ 'f:spec': { 'f:replicas': {} } });
    expect((owned(scaled, 'a') as any)['f:spec']).not.toHaveProperty('f:replicas');
    const status = fields.update({
      live: scaled,
      object: { ...scaled, spec: { replicas: 1 }, status: { replicas: 9 } },
      manager: 'b',
      now: start + 9000,
      options: { subresource: 'status', resetFields: [['spec'], ['metadata']] },
    });
    expect(
      status.metadata.managedFields!.map(({ manager, subresource, time }) => [manager, subresource, time]),
    ).toEqual([
      ['a', undefined, '2026-01-01T00:00:00Z'],
      ['b', undefined, '2026-01-01T00:00:05Z'],
      ['b', 'status', '2026-01-01T00:00:09Z'],
    ]);
    expect(status.metadata.managedFields![2]!.fieldsV1).toEqual({ 'f:status': { 'f:replicas': {} } });
  });

  test('an update that changes nothing leaves managedFields alone', () => {
    const created = fields.update({ live: undefined, object: makeDeployment(), manager: 'a', now: start });
    const live: KubeObject = { ...created, metadata: { ...created.metadata, uid: 'u' } };
    const same = fields.update({ live, object: deepCopy(live), manager: 'b', now: start + 5000 });
    expect(same.metadata.managedFields).toEqual(live.metadata.managedFields);
  });

  test('removed fields are nobody’s; the user can reset, and objects without tracking stay without', () => {
    const created = fields.update({ live: undefined, object: makeDeployment(), manager: 'a', now: start });
    const live: KubeObject = { ...created, metadata: { ...created.metadata, uid: 'u' } };
    const { labels: _, ...metadata } = live.metadata;
    const less = fields.update({ live, object: { ...live, metadata }, manager: 'b', now: start });
    expect((owned(less, 'a') as any)['f:metadata']).not.toHaveProperty('f:labels');
    const reset = fields.update({
      live,
      object: { ...live, metadata: { ...live.metadata, managedFields: [{}] } },
      manager: 'b',
      now: start,
    });
    expect(reset.metadata.managedFields).toBeUndefined();
    const bare = { ...live, metadata: { ...metadata, managedFields: undefined } };
    const after = fields.update({ live: bare, object: { ...bare, spec: { replicas: 1 } }, manager: 'b', now: start });
    expect(after.metadata.managedFields).toBeUndefined();
  });

  test('more than ten updating managers are folded into ancient-changes', () => {
    let live: KubeObject = fields.update({
      live: undefined,
      object: config({ paused: true }),
      manager: 'm00',
      now: start,
    });
    live = { ...live, metadata: { ...live.metadata, uid: 'u' } };
    for (let i = 1; i <= 12; i++) {
      const labels = { ...live.metadata.labels, [`l${i}`]: 'x' };
      live = fields.update({
        live,
        object: { ...live, metadata: { ...live.metadata, labels } },
        manager: `m${String(i).padStart(2, '0')}`,
        now: start + i * 1000,
      });
    }
    const managers = live.metadata.managedFields!.map(({ manager }) => manager);
    expect(managers).toHaveLength(10);
    expect(managers[0]).toBe('ancient-changes');
    expect(Object.keys((owned(live, 'ancient-changes') as any)['f:metadata']['f:labels'])).toEqual([
      '.',
      'f:l1',
      'f:l2',
      'f:l3',
    ]);
  });

  test('a change of times only is no change', () => {
    const live = fields.update({ live: undefined, object: makeDeployment(), manager: 'a', now: start });
    const later = deepCopy(live);
    later.metadata.managedFields![0]!.time = '2030-01-01T00:00:00Z';
    expect(keepManagedFieldsTimes(later, live)).toEqual(live);
    later['spec'].replicas = 100;
    expect(keepManagedFieldsTimes(later, live)).toBe(later);
  });
});

describe('server-side apply', () => {
  const created = (): KubeObject => {
    const object = fields.update({
      live: undefined,
      object: makeDeployment(),
      manager: 'kubectl-client-side-apply',
      now: start,
    });
    return deepFreeze({ ...object, metadata: { ...object.metadata, uid: 'u' } }) as KubeObject;
  };
  const change = config({ replicas: 5 });

  test('one conflict is one line with one cause', () => {
    const error = conflictOf(() => apply(created(), change, 'me'));
    expect(error.message).toBe(
      'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using apps/v1: .spec.replicas',
    );
    expect(error.status).toMatchObject({
      reason: 'Conflict',
      code: 409,
      details: {
        causes: [
          {
            reason: 'FieldManagerConflict',
            message: 'conflict with "kubectl-client-side-apply" using apps/v1',
            field: '.spec.replicas',
          },
        ],
      },
    });
  });

  test('several conflicts are a list by manager', () => {
    const live = apply(created(), config({ strategy: { type: 'Recreate' } }), 'other', { force: true });
    const error = conflictOf(() =>
      apply(
        live,
        config({
          replicas: 5,
          strategy: { type: 'Else' },
          template: { spec: { containers: [{ name: 'web', image: 'new' }] } },
        }),
        'me',
      ),
    );
    expect(error.message).toBe(
      [
        'Apply failed with 3 conflicts: conflicts with "kubectl-client-side-apply" using apps/v1:',
        '- .spec.replicas',
        '- .spec.template.spec.containers[name="web"].image',
        'conflicts with "other":',
        '- .spec.strategy.type',
      ].join('\n'),
    );
  });

  test('the same value is no conflict: both own it', () => {
    const live = apply(created(), config({ replicas: 3 }), 'me');
    expect(owned(live, 'me')).toEqual({ 'f:spec': { 'f:replicas': {} } });
    expect((owned(live, 'kubectl-client-side-apply') as any)['f:spec']).toHaveProperty('f:replicas');
  });

  test('force takes the field', () => {
    const live = apply(created(), change, 'me', { force: true });
    expect(live['spec'].replicas).toBe(5);
    expect((owned(live, 'kubectl-client-side-apply') as any)['f:spec']).not.toHaveProperty('f:replicas');
    expect(live.metadata.managedFields!.map(({ manager, operation }) => [manager, operation])).toEqual([
      ['me', 'Apply'],
      ['kubectl-client-side-apply', 'Update'],
    ]);
  });

  test('applying again changes nothing, not even times', () => {
    const live = apply(created(), change, 'me', { force: true });
    expect(apply(live, change, 'me', { now: start + 60_000 })).toBe(live);
  });

  test('what is not applied any more goes, unless someone else owns it', () => {
    const spec = {
      replicas: 2,
      template: { spec: { containers: [{ name: 'a', image: 'x', env: [{ name: 'E', value: '1' }] }] } },
    };
    const first = apply(undefined, config(spec, { labels: { app: 'web', mine: 'x' } }), 'me');
    const shared = apply(first, config({ replicas: 2 }), 'other');
    const smaller = config(
      { template: { spec: { containers: [{ name: 'a', image: 'x' }] } } },
      { labels: { app: 'web' } },
    );
    const second = apply(shared, smaller, 'me', { now: start + 1000 });
    expect(second['spec']).toEqual({ replicas: 2, template: { spec: { containers: [{ name: 'a', image: 'x' }] } } });
    expect(second.metadata.labels).toEqual({ app: 'web' });
    const alone = apply(second, nothing, 'other');
    expect(alone['spec']).toEqual({ template: { spec: { containers: [{ name: 'a', image: 'x' }] } } });
    expect(owned(alone, 'other')).toBeUndefined();
  });

  test('lists merge by key, sets by value, atomic ones as a whole', () => {
    const live = created();
    const next = apply(
      live,
      config(
        {
          template: {
            spec: {
              containers: [
                { name: 'new', image: 'n' },
                { name: 'web', ports: [{ containerPort: 443, name: 'https' }, { containerPort: 8080 }] },
              ],
              tolerations: [{ key: 'z' }],
            },
          },
        },
        { finalizers: ['d/x', 'b/x'] },
      ),
      'me',
      { force: true },
    );
    const pod = next['spec'].template.spec;
    expect(pod.containers.map(({ name }: any) => name)).toEqual(['new', 'web', 'side', 'third']);
    expect(pod.containers[1].ports.map((port: any) => port.containerPort)).toEqual([80, 443, 8080]);
    expect(pod.tolerations).toEqual([{ key: 'z' }]);
    expect(next.metadata.finalizers).toEqual(['a/x', 'd/x', 'b/x', 'c/x']);
    expect((owned(next, 'me') as any)['f:spec']['f:template']['f:spec']['f:tolerations']).toEqual({});
  });

  test('a field that the schema does not declare is refused', () => {
    expect(() => apply(created(), config({ foo: 1, replicas: 'x' }), 'me')).toThrow(
      'failed to create typed patch object (default/web; apps/v1, Kind=Deployment): errors:\n  .spec.foo: field not declared in schema\n  .spec.replicas: expected numeric (int or float), got string',
    );
    expect(() => apply(created(), config({ template: { spec: { containers: [{ image: 'x' }] } } }), 'me')).toThrow(
      '.spec.template.spec.containers: element 0: associative list with keys has an element that omits all key fields ["name"] (and doesn\'t have default values for any key fields)',
    );
    expect(() =>
      apply(created(), config({ template: { spec: { containers: [{ name: 'a' }, { name: 'a' }] } } }), 'me'),
    ).toThrow('.spec.template.spec.containers: duplicate entries for key [name="a"]');
    expect(() => apply(created(), config({}, { managedFields: [] }), 'me')).toThrow(
      'metadata.managedFields must be nil',
    );
  });

  test('fields from before the first apply belong to before-first-apply', () => {
    const { managedFields: _, ...metadata } = created().metadata;
    const live = apply({ ...created(), metadata }, change, 'me', { force: true });
    expect(live.metadata.managedFields!.map(({ manager }) => manager)).toEqual(['me', 'before-first-apply']);
  });

  test('kubectl takes over what its client-side apply had set and nobody changed', () => {
    const annotated = makeDeployment();
    annotated.metadata.annotations = {
      'kubectl.kubernetes.io/last-applied-configuration': `${JSON.stringify(makeDeployment())}\n`,
    };
    const made = fields.update({
      live: undefined,
      object: annotated,
      manager: 'kubectl-client-side-apply',
      now: start,
    });
    const live = { ...made, metadata: { ...made.metadata, uid: 'u' } };
    const next = apply(live, change, 'kubectl');
    expect(next['spec'].replicas).toBe(5);
    expect(JSON.parse(next.metadata.annotations!['kubectl.kubernetes.io/last-applied-configuration']!)).toEqual(change);
    expect(() => apply(live, change, 'not-kubectl')).toThrow('Apply failed with 1 conflict');
  });

  test('client-side managers are migrated', () => {
    const live = created();
    const moved = upgradeManagedFields(live, ['kubectl-client-side-apply'], 'kubectl');
    expect(moved.metadata.managedFields).toEqual([
      { ...live.metadata.managedFields![0], manager: 'kubectl', operation: 'Apply' },
    ]);
    expect(upgradeManagedFields(moved, ['kubectl-client-side-apply'], 'kubectl')).toBe(moved);
    const both = {
      ...live,
      metadata: {
        ...live.metadata,
        managedFields: [...apply(live, config({ replicas: 3 }), 'kubectl').metadata.managedFields!],
      },
    };
    const merged = upgradeManagedFields(both, ['kubectl-client-side-apply'], 'kubectl');
    expect(merged.metadata.managedFields).toHaveLength(1);
    expect(merged.metadata.managedFields![0]!.fieldsV1).toEqual(live.metadata.managedFields![0]!.fieldsV1);
  });

  test('managers of other versions are compared in their own version', () => {
    const convert = (object: Readonly<KubeObject>, apiVersion: string): KubeObject | undefined => {
      if (apiVersion === 'apps/v0') return undefined;
      const { replicas, count, ...spec } = object['spec'] as any;
      const size = replicas ?? count;
      return {
        ...object,
        apiVersion,
        spec: apiVersion === 'apps/v2' ? { ...spec, count: size } : { ...spec, replicas: size },
      };
    };
    const versioned = new FieldManager({
      schemas,
      schemaOf: (version) => (version === 'apps/v1' ? deploymentSchema : undefined),
      convert,
    });
    const live: KubeObject = {
      ...config({ replicas: 1 }, { uid: 'u' }),
      metadata: {
        name: 'web',
        namespace: 'default',
        uid: 'u',
        managedFields: [
          {
            manager: 'two',
            operation: 'Apply',
            apiVersion: 'apps/v2',
            fieldsType: 'FieldsV1',
            fieldsV1: { 'f:spec': { 'f:count': {} } },
          },
          {
            manager: 'zero',
            operation: 'Apply',
            apiVersion: 'apps/v0',
            fieldsType: 'FieldsV1',
            fieldsV1: { 'f:spec': { 'f:x': {} } },
          },
        ],
      },
    };
    const request = { live, applied: config({ replicas: 2 }), manager: 'me', now: start };
    expect(() => versioned.apply({ ...request, force: false })).toThrow(
      'Apply failed with 1 conflict: conflict with "two": .spec.count',
    );
    const forced = versioned.apply({ ...request, force: true });
    expect(forced.metadata.managedFields!.map(({ manager }) => manager)).toEqual(['me']);
  });
});

describe('properties of apply', () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const container = fc.record(
    { name, image: name, args: fc.array(name, { minLength: 1, maxLength: 2 }) },
    { requiredKeys: ['name'] },
  );
  const configuration = fc
    .record(
      {
        replicas: fc.nat(2),
        labels: fc.dictionary(name, name, { minKeys: 1 }),
        finalizers: fc.uniqueArray(name, { minLength: 1 }),
        containers: fc.uniqueArray(container, { selector: (item) => item.name, minLength: 1 }),
        nodeSelector: fc.dictionary(name, name, { minKeys: 1 }),
      },
      { requiredKeys: [] },
    )
    .map(({ replicas, labels, finalizers, containers, nodeSelector }) =>
      clean(config({ replicas, template: { spec: { containers, nodeSelector } } }, { labels, finalizers })),
    );

  test('applying twice is applying once', () => {
    fc.assert(
      fc.property(configuration, configuration, (a, b) => {
        const live = apply(apply(undefined, a, 'other'), b, 'me', { force: true });
        expect(apply(live, b, 'me', { now: start + 1000 })).toBe(live);
      }),
    );
  });

  test('what is applied is in the object, whatever was there', () => {
    fc.assert(
      fc.property(configuration, configuration, configuration, (a, b, c) => {
        const live = apply(apply(apply(undefined, a, 'one'), b, 'two', { force: true }), c, 'one', { force: true });
        const again = apply(live, c, 'three');
        expect({ ...again, metadata: { ...again.metadata, managedFields: [] } }).toEqual({
          ...live,
          metadata: { ...live.metadata, managedFields: [] },
        });
      }),
    );
  });

  test('conflicts are symmetric', () => {
    fc.assert(
      fc.property(configuration, configuration, (a, b) => {
        const conflictFields = (first: KubeObject, second: KubeObject): string[] => {
          try {
            apply(apply(undefined, first, 'first'), second, 'second');
            return [];
          } catch (error) {
            return (error as StatusError).status.details!.causes!.map((cause) => cause.field!).sort();
          }
        };
        expect(conflictFields(a, b)).toEqual(conflictFields(b, a));
      }),
    );
  });

  test('alone, the object follows the configuration', () => {
    fc.assert(
      fc.property(configuration, configuration, (a, b) => {
        const live = apply(apply(undefined, a, 'me'), b, 'me');
        const fresh = apply(undefined, b, 'me');
        expect(owned(live, 'me')).toEqual(owned(fresh, 'me'));
        expect(withoutEmpty(live)).toEqual(withoutEmpty(fresh));
      }),
    );
  });

  test('the last manager to leave takes the rest along', () => {
    fc.assert(
      fc.property(configuration, configuration, (a, b) => {
        const both = apply(apply(undefined, a, 'one'), b, 'two', { force: true });
        const none = apply(apply(both, nothing, 'one'), nothing, 'two');
        expect(withoutEmpty(none)).toEqual(withoutEmpty(apply(undefined, nothing, 'x')));
        expect(none.metadata.managedFields).toBeUndefined();
      }),
    );
  });

  test('field sets are written and read alike', () => {
    fc.assert(
      fc.property(configuration, (a) => {
        const entry: any = owned(apply(undefined, a, 'me'), 'me') ?? {};
        const set = decodeFieldsV1(deepCopy(entry));
        expect(JSON.stringify(encodeFieldsV1(set))).toBe(JSON.stringify(entry));
        for (const path of set.paths()) {
          expect(set.has(path)).toBe(true);
          expect(formatFieldPath(path)).toMatch(/^\./);
        }
      }),
    );
  });
});

function clean(value: KubeObject): KubeObject {
  return JSON.parse(JSON.stringify(value)) as KubeObject;
}

/** Containers that emptied are kept when something else had been in them; here that makes no difference. */
function withoutEmpty(object: KubeObject): unknown {
  const { managedFields: _, ...metadata } = object.metadata;
  const strip = (value: any): any => {
    if (Array.isArray(value))
      return value.length === 0
        ? undefined
        : [...value].map(strip).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value)
      .map(([key, item]) => [key, strip(item)] as const)
      .filter(([, item]) => item !== undefined);
    return entries.length === 0 ? undefined : Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  };
  return strip({ ...object, metadata });
}
