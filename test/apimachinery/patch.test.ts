import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMergePatch,
  createMergePatch,
  createThreeWayMergePatch,
  createThreeWayStrategicMergePatch,
  createTwoWayStrategicMergePatch,
  deepCopy,
  deepFreeze,
} from '../../src/apimachinery/index.ts';
import { deploymentSchema, makeDeployment, schemas } from './schemas.ts';

interface Recorded {
  readonly type: 'strategic' | 'merge' | 'json';
  readonly patch: unknown;
  readonly result?: unknown;
  readonly error?: string;
}

/** Answers of `kubectl patch --local --type … -o json` (1.35) on makeDeployment(). */
const recorded = JSON.parse(
  readFileSync(join(import.meta.dirname, 'data', 'kubectl-patch.json'), 'utf8'),
) as Recorded[];

function patchDeployment(type: Recorded['type'], patch: unknown): unknown {
  const object = deepFreeze(makeDeployment());
  if (type === 'json') return applyJsonPatch(object, patch);
  return type === 'merge'
    ? applyMergePatch(object, patch)
    : applyStrategicMergePatch(object, patch, deploymentSchema, schemas);
}

describe('patches do what kubectl does', () => {
  test.each(recorded.map((row) => [row.type, JSON.stringify(row.patch), row] as const))('%s %s', (type, _text, row) => {
    if (row.error === undefined) {
      expect(patchDeployment(type, row.patch)).toEqual(row.result);
      return;
    }
    let message = '';
    try {
      patchDeployment(type, row.patch);
    } catch (error) {
      message = (error as Error).message.trim();
    }
    // kubectl words one failure of JSON patch itself.
    const reworded = /^Object to be patched is missing field \((.*)\)$/s.exec(row.error)?.[1];
    if (reworded !== undefined) expect(message).toContain(reworded);
    else expect(message).toBe(row.error);
  });
});

test('a list that is replaced keeps the order of its patch', () => {
  const object = { metadata: { ownerReferences: [{ uid: 'b' }, { uid: 'c' }] } };
  const patch = { metadata: { ownerReferences: [{ uid: 'a' }, { uid: 'b' }, { $patch: 'replace' }] } };
  const { metadata } = applyStrategicMergePatch(object, patch, deploymentSchema, schemas) as any;
  expect(metadata.ownerReferences.map(({ uid }: any) => uid)).toEqual(['a', 'b']);
});

describe('JSON merge patch', () => {
  const value = fc.letrec((tie) => ({
    node: fc.oneof(
      { maxDepth: 3 },
      fc.integer(),
      fc.string(),
      fc.array(fc.integer()),
      fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('node')),
    ),
  })).node;
  const object = fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__'), value);

  test('the patch made of two objects turns one into the other', () => {
    fc.assert(
      fc.property(object, object, (a, b) => {
        expect(JSON.stringify(sorted(applyMergePatch(a, createMergePatch(a, b))))).toBe(JSON.stringify(sorted(b)));
      }),
    );
  });

  test('a patch cannot reach a prototype', () => {
    applyMergePatch({}, JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'));
    applyJsonPatch({}, [{ op: 'add', path: '/__proto__', value: { polluted: 1 } }]);
    expect(() => applyJsonPatch({}, [{ op: 'add', path: '/constructor/prototype/polluted', value: 1 }])).toThrow();
    expect(({} as any).polluted).toBeUndefined();
  });

  test('three ways: others keep what they added, what we removed goes', () => {
    const original = { spec: { a: 1, b: 2 } };
    const current = { spec: { a: 1, b: 2, other: 3 } };
    expect(createThreeWayMergePatch(original, { spec: { a: 5 } }, current)).toEqual({ spec: { a: 5, b: null } });
    expect(createThreeWayMergePatch(original, original, current)).toEqual({});
  });
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value) || typeof value !== 'object' || value === null) return value;
  return Object.keys(value)
    .sort()
    .map((key) => [key, sorted((value as any)[key])]);
}

describe('strategic merge patch', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd');
  const port = fc.record({ containerPort: fc.integer({ min: 1, max: 5 }), name }, { requiredKeys: ['containerPort'] });
  const container = fc.record(
    {
      name,
      image: name,
      args: fc.array(name, { minLength: 1, maxLength: 3 }),
      env: fc.uniqueArray(fc.record({ name, value: name }), { selector: (env) => env.name, minLength: 1 }),
      ports: fc.uniqueArray(port, { selector: (item) => item.containerPort, minLength: 1 }),
    },
    { requiredKeys: ['name', 'image'] },
  );
  const volume = fc
    .record({ name, source: fc.constantFrom('emptyDir', 'configMap', 'hostPath') })
    .map(({ name: own, source }) => ({
      name: own,
      [source]: source === 'configMap' ? { name: 'c' } : {},
    }));
  const deployment = fc
    .record({
      replicas: fc.nat(5),
      labels: fc.dictionary(name, name, { minKeys: 1 }),
      finalizers: fc.uniqueArray(name, { minLength: 1 }),
      containers: fc.uniqueArray(container, { selector: (item) => item.name, minLength: 1 }),
      volumes: fc.uniqueArray(volume, { selector: (item) => item.name, minLength: 1 }),
      strategy: fc.constantFrom({ type: 'Recreate' }, { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } }),
      tolerations: fc.array(fc.record({ key: name }), { minLength: 1 }),
    })
    .map(({ replicas, labels, finalizers, containers, volumes, strategy, tolerations }) => ({
      metadata: { name: 'web', labels, finalizers },
      spec: { replicas, strategy, template: { spec: { containers, volumes, tolerations } } },
    }));

  test('the two-way patch turns one object into the other, order of lists included', () => {
    fc.assert(
      fc.property(deployment, deployment, (a, b) => {
        const patch = createTwoWayStrategicMergePatch(a, b, deploymentSchema, schemas);
        expect(applyStrategicMergePatch(a, patch, deploymentSchema, schemas)).toEqual(b);
      }),
    );
  });

  test('equal objects make an empty patch', () => {
    fc.assert(
      fc.property(deployment, (a) => {
        expect(createTwoWayStrategicMergePatch(a, deepCopy(a), deploymentSchema, schemas)).toEqual({});
      }),
    );
  });

  test('three ways without other writers is two ways', () => {
    fc.assert(
      fc.property(deployment, deployment, (a, b) => {
        const patch = createThreeWayStrategicMergePatch(a, b, a, deploymentSchema, schemas);
        expect(applyStrategicMergePatch(a, patch, deploymentSchema, schemas)).toEqual(b);
      }),
    );
  });

  test('a second apply of the same configuration sends nothing', () => {
    fc.assert(
      fc.property(deployment, deployment, (a, live) => {
        const first = createThreeWayStrategicMergePatch({}, a, live, deploymentSchema, schemas);
        const applied = applyStrategicMergePatch(live, first, deploymentSchema, schemas);
        const second = createThreeWayStrategicMergePatch(a, a, applied, deploymentSchema, schemas);
        expect(applyStrategicMergePatch(applied, second, deploymentSchema, schemas)).toEqual(applied);
      }),
    );
  });

  test('others keep their containers, ours follow the configuration', () => {
    const original = makeDeployment();
    const modified = makeDeployment();
    modified['spec'].replicas = 5;
    modified['spec'].template.spec.containers.splice(1, 1);
    const current = makeDeployment();
    current['spec'].template.spec.containers.push({ name: 'injected', image: 'proxy' });
    const patch = createThreeWayStrategicMergePatch(original, modified, current, deploymentSchema, schemas);
    expect(patch).toEqual({
      spec: {
        replicas: 5,
        template: {
          spec: {
            $setElementOrder: undefined,
            '$setElementOrder/containers': [{ name: 'web' }, { name: 'third' }],
            containers: [{ name: 'side', $patch: 'delete' }],
          },
        },
      },
    });
    const result: any = applyStrategicMergePatch(current, patch, deploymentSchema, schemas);
    expect(result.spec.template.spec.containers.map((item: any) => item.name)).toEqual(['web', 'third', 'injected']);
  });

  test('without overwrite a change of others is a conflict', () => {
    const [modified, current] = [makeDeployment(), makeDeployment()];
    modified['spec'].replicas = 5;
    current['spec'].replicas = 7;
    expect(() =>
      createThreeWayStrategicMergePatch(makeDeployment(), modified, current, deploymentSchema, schemas, {
        overwrite: false,
      }),
    ).toThrow('conflicts with changes made from original to current:\nspec:\n  replicas: 7\n');
  });
});
