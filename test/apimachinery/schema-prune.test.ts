import { expect, test } from 'vitest';
import { applySchemaDefaults, emptySchemaSet, pruneUnknownFields, type Schema } from '../../src/apimachinery/index.ts';

const schema: Schema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        size: { type: 'integer', default: 1 },
        mode: { type: 'string', nullable: true, default: 'auto' },
        open: {
          type: 'object',
          preserveUnknownFields: true,
          properties: { known: { type: 'object', properties: {} } },
        },
        map: {
          type: 'object',
          additionalProperties: { type: 'object', properties: { a: { type: 'string', default: 'x' } } },
        },
        list: { type: 'array', items: { type: 'object', properties: { a: { type: 'string' } } } },
        nested: { type: 'object', default: {}, properties: { deep: { type: 'string', default: 'd' } } },
        template: { type: 'object', embeddedResource: true, properties: { spec: { type: 'object', properties: {} } } },
      },
    },
  },
};

test('what the schema does not know goes and is reported, sorted', () => {
  const object = {
    apiVersion: 'x/v1',
    kind: 'X',
    metadata: { name: 'a', anything: 1 },
    other: 1,
    spec: {
      zork: 1,
      open: { any: { thing: 1 }, known: { gone: 1 } },
      map: { k: { a: 'b', c: 1 } },
      list: [{ a: '1' }, { b: '2' }],
      template: { kind: 'Y', metadata: { name: 'b' }, extra: 1, spec: { y: 1 } },
    },
  };
  expect(pruneUnknownFields(object, schema, emptySchemaSet)).toEqual([
    'unknown field "other"',
    'unknown field "spec.list[1].b"',
    'unknown field "spec.map.k.c"',
    'unknown field "spec.open.known.gone"',
    'unknown field "spec.template.extra"',
    'unknown field "spec.template.spec.y"',
    'unknown field "spec.zork"',
  ]);
  expect(object).toEqual({
    apiVersion: 'x/v1',
    kind: 'X',
    metadata: { name: 'a', anything: 1 },
    spec: {
      open: { any: { thing: 1 }, known: {} },
      map: { k: { a: 'b' } },
      list: [{ a: '1' }, {}],
      template: { kind: 'Y', metadata: { name: 'b' }, spec: {} },
    },
  });
});

test('defaults fill what is absent; nulls count as absent unless nullable', () => {
  const object = { spec: { size: null, mode: null, map: { k: {} }, list: [null], open: null } };
  applySchemaDefaults(object, schema, emptySchemaSet);
  expect(object).toEqual({
    spec: { size: 1, mode: null, map: { k: { a: 'x' } }, list: [null], nested: { deep: 'd' } },
  });
});

test('defaults are copies', () => {
  const [a, b]: any[] = [{ spec: {} }, { spec: {} }];
  applySchemaDefaults(a, schema, emptySchemaSet);
  applySchemaDefaults(b, schema, emptySchemaSet);
  a.spec.nested.deep = 'changed';
  expect(b.spec.nested.deep).toBe('d');
});
