import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crd, definitions, Lab, version, widget, widgets } from './harness.ts';

const rules = (...texts: object[]) => ({ 'x-kubernetes-validations': texts });
const openAPIV3Schema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        min: { type: 'integer' },
        max: { type: 'integer' },
        name: { type: 'string', maxLength: 20, ...rules({ rule: 'self == oldSelf', message: 'name is fixed' }) },
        ports: {
          type: 'array',
          maxItems: 5,
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string', maxLength: 9 }, number: { type: 'integer' } },
            ...rules({ rule: 'self.number > 0', messageExpression: '"port " + self.name + " must be positive"' }),
          },
        },
      },
      ...rules({ rule: 'self.min <= self.max', message: 'min must not exceed max', fieldPath: '.min' }),
    },
  },
};

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.start();
  await lab.define(crd({ versions: [version('v1', { schema: { openAPIV3Schema } })] }));
});
afterAll(() => lab.close());

const create = (name: string, spec: object) => lab.post(widgets, widget(name, { spec: { min: 1, max: 2, ...spec } }));

describe('rules', () => {
  it('hold on create, with their own messages and paths', async () => {
    expect(await lab.refusal(create('a', { min: 3, ports: [{ name: 'web', number: 0 }] }))).toBe(
      'Widget.example.com "a" is invalid: [spec.min: Invalid value: min must not exceed max, ' +
        'spec.ports[0]: Invalid value: port web must be positive]',
    );
    await create('a', { name: 'x', ports: [{ name: 'web', number: 80 }] });
  });

  it('compare with what was there on update', async () => {
    await create('b', { name: 'x' });
    expect(await lab.refusal(lab.merge(`${widgets}/b`, { spec: { name: 'y' } }))).toBe(
      'Widget.example.com "b" is invalid: spec.name: Invalid value: "y": name is fixed',
    );
    await lab.merge(`${widgets}/b`, { spec: { max: 9 } });
  });

  it('are not asked about objects that break the schema', async () => {
    expect(await lab.refusal(create('c', { min: 'x' }))).toBe(
      'Widget.example.com "c" is invalid: [spec.min: Invalid value: "string": spec.min in body must be of type integer: "string", ' +
        '<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation]',
    );
  });

  it('that came later let unchanged parts be', async () => {
    const names = { plural: 'bolts', kind: 'Bolt' };
    const part = (more: object) => ({
      schema: {
        openAPIV3Schema: {
          type: 'object',
          properties: {
            a: { type: 'object', properties: { n: { type: 'integer' } }, ...more },
            b: { type: 'integer' },
          },
        },
      },
    });
    await lab.define(crd({ names, versions: [version('v1', part({}))] }));
    const bolts = '/apis/example.com/v1/namespaces/default/bolts';
    await lab.post(bolts, { metadata: { name: 'b' }, a: { n: -1 }, b: 1 });
    const strict = [version('v1', part(rules({ rule: 'self.n >= 0', message: 'must not be negative' })))];
    await lab.merge(`${definitions}/bolts.example.com`, { spec: { versions: strict } });
    const changed = () => lab.refusal(lab.merge(`${bolts}/b`, { a: { n: -2 } }, { dryRun: 'All' }));
    const refused = await lab.until(changed, (text) => text !== 'accepted');
    expect(refused).toBe('Bolt.example.com "b" is invalid: a: Invalid value: must not be negative');
    expect((await lab.merge(`${bolts}/b`, { b: 2 })).b).toBe(2);
  });
});
