import { describe, expect, test } from 'vitest';
import {
  emptySchemaSet,
  FieldErrorList,
  FieldPath,
  fieldErrorMessage,
  type Schema,
  validateSchema,
} from '../../src/apimachinery/index.ts';

function errorsOf(value: unknown, properties: Record<string, Schema>, more: Partial<Schema> = {}): string[] {
  const errors = new FieldErrorList();
  const schema: Schema = { type: 'object', properties: { spec: { type: 'object', properties, ...more } } };
  validateSchema({ spec: value }, schema, emptySchemaSet, FieldPath.root(), errors);
  return errors.errors.map((error) => `${error.field}: ${fieldErrorMessage(error)}`);
}

describe('validation of custom resources speaks the words of kube-openapi', () => {
  test.each([
    [{ type: 'integer' }, 'x', 'Invalid value: "string": spec.a in body must be of type integer: "string"'],
    [{ type: 'integer' }, 1.5, 'Invalid value: "number": spec.a in body must be of type integer: "number"'],
    [{ type: 'string' }, null, 'Invalid value: "null": spec.a in body must be of type string: "null"'],
    [{ type: 'object' }, [], 'Invalid value: "array": spec.a in body must be of type object: "array"'],
    [{ intOrString: true }, true, 'Invalid value: "boolean": spec.a in body must be of type integer,string: "boolean"'],
    [{ type: 'string', enum: ['b', 'a'] }, 'c', 'Unsupported value: "c": supported values: "b", "a"'],
    [{ type: 'integer', minimum: 1 }, 0, 'Invalid value: 0: spec.a in body should be greater than or equal to 1'],
    [
      { type: 'integer', maximum: 5, exclusiveMaximum: true },
      5,
      'Invalid value: 5: spec.a in body should be less than 5',
    ],
    [{ type: 'number', multipleOf: 0.1 }, 0.25, 'Invalid value: 0.25: spec.a in body should be a multiple of 0.1'],
    [{ type: 'string', minLength: 2 }, 'é', 'Invalid value: "é": spec.a in body should be at least 2 chars long'],
    [{ type: 'string', maxLength: 1 }, 'ab', 'Too long: may not be more than 1 byte'],
    [{ type: 'string', pattern: '^a+$' }, 'b', 'Invalid value: "b": spec.a in body should match \'^a+$\''],
    [{ type: 'string', pattern: '(?i)^A$' }, 'b', 'Invalid value: "b": spec.a in body should match \'(?i)^A$\''],
    [
      { type: 'string', format: 'date-time' },
      'soon',
      'Invalid value: "soon": spec.a in body must be of type date-time: "soon"',
    ],
    [{ type: 'array', minItems: 2 }, [1], 'Invalid value: 1: spec.a in body should have at least 2 items'],
    [{ type: 'array', maxItems: 1 }, [1, 2], 'Too many: 2: must have at most 1 item'],
    [{ type: 'array', uniqueItems: true }, [1, 1], 'Invalid value: "": spec.a in body shouldn\'t contain duplicates'],
    [{ type: 'object', minProperties: 1 }, {}, 'Invalid value: 0: spec.a in body should have at least 1 properties'],
    [{ type: 'object', maxProperties: 0 }, { x: 1 }, 'Too many: 1: must have at most 0 items'],
  ] as [Schema, unknown, string][])('%j of %j', (schema, value, message) => {
    expect(errorsOf({ a: value }, { a: schema })).toEqual([`spec.a: ${message}`]);
  });

  test('what fits passes', () => {
    const properties: Record<string, Schema> = {
      whole: { type: 'number' },
      nothing: { type: 'string', nullable: true },
      either: { intOrString: true },
      dns: { type: 'string', pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$' },
      free: {},
      future: { type: 'string', format: 'not-known' },
    };
    expect(
      errorsOf({ whole: 1, nothing: null, either: '5%', dns: 'a.b-c', free: [1], future: 'x' }, properties),
    ).toEqual([]);
  });

  test('required, nested paths, map values', () => {
    expect(
      errorsOf(
        { list: [{ n: 1 }, { n: 'x' }], map: { k: 1 } },
        {
          list: { type: 'array', items: { type: 'object', properties: { n: { type: 'integer' } } } },
          map: { type: 'object', additionalProperties: { type: 'string' } },
        },
        { required: ['size'] },
      ),
    ).toEqual([
      'spec.list[1].n: Invalid value: "string": spec.list[1].n in body must be of type integer: "string"',
      'spec.map.k: Invalid value: "integer": spec.map.k in body must be of type string: "integer"',
      'spec.size: Required value',
    ]);
  });

  test('alternatives', () => {
    const of = (key: 'anyOf' | 'oneOf' | 'allOf', value: unknown) =>
      errorsOf({ a: value }, { a: { [key]: [{ minimum: 5 }, { multipleOf: 2 }] } });
    expect(of('anyOf', 6)).toEqual([]);
    expect(of('anyOf', 3)[0]).toBe('<nil>: Invalid value: "": "spec.a" must validate at least one schema (anyOf)');
    expect(of('oneOf', 6)).toEqual([
      '<nil>: Invalid value: "": "spec.a" must validate one and only one schema (oneOf). Found 2 valid alternatives',
    ]);
    expect(of('oneOf', 3)[0]).toContain('(oneOf). Found none valid');
    expect(of('allOf', 3).at(-1)).toBe(
      '<nil>: Invalid value: "": "spec.a" must validate all the schemas (allOf). None validated',
    );
    expect(errorsOf({ a: 1 }, { a: { not: { type: 'integer' } } })).toEqual([
      '<nil>: Invalid value: "": "spec.a" must not validate the schema (not)',
    ]);
  });

  test('sets and keyed lists have no duplicates', () => {
    expect(errorsOf({ a: ['x', 'y', 'x', 'x'] }, { a: { type: 'array', listType: 'set' } })).toEqual([
      'spec.a[2]: Duplicate value: "x"',
    ]);
    expect(
      errorsOf({ a: [{ n: 'x' }, { n: 'x', v: 1 }] }, { a: { type: 'array', listType: 'map', listMapKeys: ['n'] } }),
    ).toEqual(['spec.a[1]: Duplicate value: {"n":"x"}']);
  });

  test('a pattern that would explode under backtracking does not', () => {
    const evil: Schema = { type: 'string', pattern: '^(a+)+$' };
    expect(errorsOf({ a: `${'a'.repeat(40)}!` }, { a: evil })).toHaveLength(1);
    expect(errorsOf({ a: 'a'.repeat(40) }, { a: evil })).toEqual([]);
    expect(errorsOf({ a: 'x' }, { a: { type: 'string', pattern: '(' } })[0]).toContain('but pattern is invalid');
  });
});
