import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deepCopy, deepEqual, deepFreeze, getIn, isObject, setOwn, withIn } from '../../src/apimachinery/index.ts';

describe('JSON values', () => {
  test('a copy is equal and shares nothing', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const before = JSON.stringify(value);
        const copy = deepCopy(value);
        expect(deepEqual(copy, value)).toBe(true);
        if (isObject(copy)) setOwn(copy as Record<string, unknown>, 'added', 1);
        if (Array.isArray(copy)) copy.push('added');
        expect(JSON.stringify(value)).toBe(before);
      }),
    );
  });

  test('equality agrees with the sorted JSON text', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 2 }), fc.jsonValue({ maxDepth: 2 }), (a, b) => {
        expect(deepEqual(a, b)).toBe(canonical(a) === canonical(b));
        expect(deepEqual(b, a)).toBe(deepEqual(a, b));
      }),
    );
  });

  test('an undefined field equals an absent one, a bigint the same integer', () => {
    expect(deepEqual({ a: undefined, b: 1 }, { b: 1 })).toBe(true);
    expect(deepEqual({ b: 1 }, { a: undefined, b: 1 })).toBe(true);
    expect(deepEqual({ a: null }, {})).toBe(false);
    expect(deepEqual(5n, 5)).toBe(true);
    expect(deepEqual(5n, '5')).toBe(false);
  });

  test('a field named __proto__ is a field like any other', () => {
    const value = JSON.parse('{"__proto__":{"polluted":true}}');
    const copy = deepCopy(value);
    expect(Object.keys(copy)).toEqual(['__proto__']);
    expect((copy as any).polluted).toBeUndefined();
    expect(JSON.stringify(withIn(value, ['__proto__', 'x'], 1))).toBe('{"__proto__":{"polluted":true,"x":1}}');
  });

  test('a path copy leaves the original and shares the rest', () => {
    const object = deepFreeze({ a: { b: [1, 2], c: {} }, d: {} });
    const changed = withIn(object, ['a', 'b', 1], 3);
    expect(changed).toEqual({ a: { b: [1, 3], c: {} }, d: {} });
    expect(changed.d).toBe(object.d);
    expect(changed.a.c).toBe(object.a.c);
    expect(withIn(object, ['d'], undefined)).toEqual({ a: { b: [1, 2], c: {} } });
    expect(getIn(object, ['a', 'b', 0])).toBe(1);
    expect(getIn(object, ['a', 'constructor'])).toBeUndefined();
  });

  test('freezing reaches everything in it', () => {
    const object = deepFreeze({ a: [{ b: 1 }] });
    expect(() => ((object.a[0] as any).b = 2)).toThrow(TypeError);
  });
});

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (!isObject(value)) return JSON.stringify(value === 0 ? 0 : value);
  return `{${Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`)
    .join()}}`;
}
