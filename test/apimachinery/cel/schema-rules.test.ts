import { describe, expect, it } from 'vitest';
import {
  checkSchemaRules,
  compileSchemaRules,
  type JSONSchemaProps,
  runtimeCostBudget,
  type ValidationRule,
} from '../../../src/apimachinery/cel/index.ts';
import { deepEqual, FieldErrorList, FieldPath, fieldErrorMessage } from '../../../src/apimachinery/index.ts';

function object(properties: Record<string, JSONSchemaProps>, ...rules: ValidationRule[]): JSONSchemaProps {
  return { type: 'object', properties, ...(rules.length > 0 ? { 'x-kubernetes-validations': rules } : {}) };
}

const integer: JSONSchemaProps = { type: 'integer' };
const text: JSONSchemaProps = { type: 'string' };

function run(schema: JSONSchemaProps, value: unknown, old?: unknown, budget = runtimeCostBudget): string[] {
  const result = compileSchemaRules(schema)!.validate(FieldPath.root(), value, old, budget);
  return result.errors.map((error) => `${error.field}: ${fieldErrorMessage(error)}`);
}

function check(schema: JSONSchemaProps): string[] {
  const errors = new FieldErrorList();
  checkSchemaRules(schema, FieldPath.root('schema'), errors);
  return errors.errors.map((error) => `${error.field}: ${fieldErrorMessage(error)}`);
}

describe('rules of schemas', () => {
  const sized = (...rules: ValidationRule[]): JSONSchemaProps =>
    object({ spec: object({ replicas: integer, max: integer, name: text }, ...rules) });

  it('a schema without rules has no validator', () => {
    expect(compileSchemaRules(object({ a: integer }))).toBeUndefined();
  });

  it('say the rule, the message, or what the message expression makes', () => {
    const value = { spec: { replicas: 3, max: 2 } };
    const rule = 'self.replicas <= self.max';
    expect(run(sized({ rule }), value)).toEqual([`spec: Invalid value: failed rule: ${rule}`]);
    expect(run(sized({ rule, message: 'too many' }), value)).toEqual(['spec: Invalid value: too many']);
    const messageExpression = "'%d is over %d'.format([self.replicas, self.max])";
    expect(run(sized({ rule, messageExpression }), value)).toEqual(['spec: Invalid value: 3 is over 2']);
    expect(run(sized({ rule, message: 'x', messageExpression: "''" }), value)).toEqual(['spec: Invalid value: x']);
    expect(run(sized({ rule }), { spec: { replicas: 1, max: 2 } })).toEqual([]);
  });

  it('take reason and fieldPath', () => {
    const rule = { rule: 'self.replicas < 3', message: 'm', fieldPath: '.replicas' };
    const of = (reason: ValidationRule['reason']): string[] =>
      run(sized({ ...rule, reason: reason! }), { spec: { replicas: 3 } });
    expect(of('FieldValueForbidden')).toEqual(['spec.replicas: Forbidden: m']);
    expect(of('FieldValueRequired')).toEqual(['spec.replicas: Required value: m']);
    expect(of('FieldValueInvalid')).toEqual(['spec.replicas: Invalid value: m']);
  });

  it('show scalar values', () => {
    const schema = object({ port: { ...integer, 'x-kubernetes-validations': [{ rule: 'self > 1024' }] } });
    expect(run(schema, { port: 80 })).toEqual(['port: Invalid value: 80: failed rule: self > 1024']);
    expect(run(schema, {})).toEqual([]);
  });

  it('see metadata.name at the root, and only name and generateName', () => {
    const schema = {
      ...object({ spec: object({ name: text }) }),
      'x-kubernetes-validations': [{ rule: 'self.metadata.name == self.spec.name' }],
    };
    expect(run(schema, { metadata: { name: 'a' }, spec: { name: 'a' } })).toEqual([]);
    expect(run(schema, { metadata: { name: 'a' }, spec: { name: 'b' } })).toHaveLength(1);
    expect(
      check({ ...schema, 'x-kubernetes-validations': [{ rule: 'self.metadata.labels.size() == 0' }] })[0],
    ).toContain("undefined field 'labels'");
  });

  it('run at every level: items, additionalProperties, allOf', () => {
    const positive: ValidationRule = { rule: 'self > 0' };
    const schema = object({
      list: { type: 'array', items: { ...integer, 'x-kubernetes-validations': [positive] } },
      map: { type: 'object', additionalProperties: { ...integer, 'x-kubernetes-validations': [positive] } },
      all: { ...integer, allOf: [{ 'x-kubernetes-validations': [positive] }] },
    });
    expect(run(schema, { list: [1, 0], map: { a: -1 }, all: 0 })).toEqual([
      'list[1]: Invalid value: 0: failed rule: self > 0',
      'map[a]: Invalid value: -1: failed rule: self > 0',
      'all: Invalid value: 0: failed rule: self > 0',
    ]);
  });

  it('transition rules run only where there is an old value', () => {
    const schema = sized({ rule: 'self.name == oldSelf.name', message: 'name is immutable' });
    expect(run(schema, { spec: { name: 'b' } })).toEqual([]);
    expect(run(schema, { spec: { name: 'b' } }, { spec: { name: 'a' } })).toEqual([
      'spec: Invalid value: name is immutable',
    ]);
    const rule = 'oldSelf.hasValue() || self.replicas == 1';
    expect(run(sized({ rule, optionalOldSelf: true }), { spec: { replicas: 2 } })).toHaveLength(1);
    expect(run(sized({ rule, optionalOldSelf: true }), { spec: { replicas: 2 } }, { spec: {} })).toEqual([]);
  });

  it('entries of keyed lists meet their old selves, whatever their order', () => {
    const schema = object({
      list: {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
        items: object({ name: text, size: integer }, { rule: 'self.size >= oldSelf.size' }),
      },
    });
    const old = {
      list: [
        { name: 'a', size: 1 },
        { name: 'b', size: 5 },
      ],
    };
    expect(
      run(
        schema,
        {
          list: [
            { name: 'b', size: 4 },
            { name: 'a', size: 2 },
            { name: 'c', size: 0 },
          ],
        },
        old,
      ),
    ).toEqual(['list[0]: Invalid value: failed rule: self.size >= oldSelf.size']);
  });

  it('failures of evaluation name the rule', () => {
    expect(run(sized({ rule: 'self.replicas / 0 == 1' }), { spec: { replicas: 1 } })).toEqual([
      'spec: Invalid value: "object": division by zero evaluating rule: self.replicas / 0 == 1',
    ]);
    expect(run(sized({ rule: "self.name == 'x'" }), { spec: {} })).toEqual([
      'spec: Invalid value: "object": no such key: name evaluating rule: self.name == \'x\'',
    ]);
    const loose = object({ port: { 'x-kubernetes-int-or-string': true } }, { rule: 'self.port > 5' });
    expect(run(loose, { port: 'x' })).toEqual(
      [
        '<root>: Invalid value: "object": \'no such overload\': call arguments did not match a supported operator, function or macro signature for rule: self.port > 5',
      ].map((line) => line.replace('<root>', '')),
    );
  });

  it('stop when the budget is spent, and when one call is too dear', () => {
    const schema = sized({ rule: 'self.replicas > 0' }, { rule: 'self.max > 0' });
    const value = { spec: { replicas: 1, max: 1 } };
    const spent = compileSchemaRules(schema)!.validate(FieldPath.root(), value, undefined, runtimeCostBudget);
    expect(runtimeCostBudget - spent.remainingBudget).toBe(6);
    expect(run(schema, value, undefined, 5)).toEqual([
      'spec: Invalid value: "object": validation failed due to running out of cost budget, no further validation rules will be run',
    ]);
    const long = object(
      { list: { type: 'array', items: integer } },
      { rule: 'self.list.all(x, self.list.all(y, x + y >= 0))', message: 'sums' },
    );
    const list = Array.from({ length: 1000 }, (_none, i) => i);
    expect(run(long, { list })).toEqual([
      ': Invalid value: "object": \'operation cancelled: actual cost limit exceeded\': no further validation rules will be run due to call cost exceeds limit for rule: sums',
    ]);
  });

  it('errors on unchanged values are ratcheted, transition rules never', () => {
    const schema = sized({ rule: 'self.replicas < 2' }, { rule: 'self.replicas < oldSelf.replicas' });
    const value = { spec: { replicas: 3 } };
    const result = compileSchemaRules(schema)!.validate(FieldPath.root(), value, value, runtimeCostBudget, {
      unchanged: (path, now) => path.length === 1 && deepEqual(now, value.spec),
    });
    expect(result.ratcheted.map(fieldErrorMessage)).toEqual(['Invalid value: failed rule: self.replicas < 2']);
    expect(result.errors.map(fieldErrorMessage)).toEqual([
      'Invalid value: failed rule: self.replicas < oldSelf.replicas',
    ]);
  });
});

describe('static checks of rules', () => {
  it('draw compile errors', () => {
    const [error] = check(object({ spec: object({ a: integer }, { rule: 'self.foo > 1' }) }));
    expect(error).toBe(
      'schema.properties[spec].x-kubernetes-validations[0].rule: Invalid value: {"Rule":"self.foo \\u003e 1","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}: compilation failed: ERROR: <input>:1:5: undefined field \'foo\'\n | self.foo > 1\n | ....^',
    );
  });

  it('want a bool, and a string from messageExpression', () => {
    expect(check(object({ a: integer }, { rule: 'self.a' }))[0]).toContain('cel expression must evaluate to a bool');
    expect(check(object({ a: integer }, { rule: 'self.a > 1', messageExpression: 'self.a' }))[0]).toMatch(
      /messageExpression: .*messageExpression must evaluate to a string/,
    );
  });

  it('refuse oldSelf below lists that cannot be correlated, and optionalOldSelf without oldSelf', () => {
    const items = { ...integer, 'x-kubernetes-validations': [{ rule: 'self == oldSelf' }] };
    expect(check(object({ list: { type: 'array', maxItems: 2, items } }))).toEqual([
      'schema.properties[list].items.x-kubernetes-validations[0].rule: Invalid value: "self == oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema within schema.properties[list]',
    ]);
    expect(check(object({ a: integer }, { rule: 'self.a > 1', optionalOldSelf: true }))).toEqual([
      'schema.x-kubernetes-validations[0].optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule',
    ]);
  });

  const advice =
    '(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)';
  const nested = (bounds: Partial<JSONSchemaProps>): JSONSchemaProps =>
    object(
      {
        list: {
          type: 'array',
          items: { type: 'string', ...(bounds.maxLength ? { maxLength: bounds.maxLength } : {}) },
          ...(bounds.maxItems ? { maxItems: bounds.maxItems } : {}),
        },
      },
      { rule: 'self.list.all(x, self.list.all(y, x == y))' },
    );

  it('estimate costs from the bounds of the schema', () => {
    expect(check(nested({}))).toEqual([
      `schema.x-kubernetes-validations[0].rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x ${advice}`,
      'schema.x-kubernetes-validations[0].rule: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema',
      `schema: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of more than 100x ${advice}`,
    ]);
    expect(check(nested({ maxItems: 100, maxLength: 20 }))).toEqual([]);
    // 1000 × (1000 × (8 for 80 characters + 2 for x and y + 3 for accumulator and condition) + 3 + 3) + 3.
    expect(check(nested({ maxItems: 1000, maxLength: 20 }))).toEqual([
      `schema.x-kubernetes-validations[0].rule: Forbidden: estimated rule cost exceeds budget by factor of 1.300600x ${advice}`,
    ]);
  });

  it('multiply by how often a node can stand in an object', () => {
    const inner = object({ name: { type: 'string', maxLength: 100 } }, { rule: "self.name.matches('^[a-z]+$')" });
    expect(check(object({ list: { type: 'array', maxItems: 10, items: inner } }))).toEqual([]);
    expect(check(object({ list: { type: 'array', items: inner } }))[0]).toContain(
      'estimated rule cost exceeds budget by factor of',
    );
  });
});
