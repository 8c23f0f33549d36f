import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeJson, encodeJson, formatJson, stringifyJson } from '../../src/apimachinery/index.ts';

describe('JSON', () => {
  test.each([
    ['', 'unexpected end of JSON input'],
    ['{', 'unexpected end of JSON input'],
    ['{"a"', 'unexpected end of JSON input'],
    ['{"a":1', 'unexpected end of JSON input'],
    ['"abc', 'unexpected end of JSON input'],
    ['{a}', "invalid character 'a' looking for beginning of object key string"],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":1 "b"}', `invalid character '"' after object key:value pair`],
    ['[1 2]', "invalid character '2' after array element"],
    ['{} x', "invalid character 'x' after top-level value"],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
    ['[1,]', "invalid character ']' looking for beginning of value"],
    ['tru', 'unexpected end of JSON input'],
    ['trux', "invalid character 'x' in literal true (expecting 'e')"],
    ['01', "invalid character '1' after top-level value"],
    ['1.x', "invalid character 'x' after decimal point in numeric literal"],
    ['1e', 'unexpected end of JSON input'],
    ['-x', "invalid character 'x' in numeric literal"],
    ['"\\q"', "invalid character 'q' in string escape code"],
    ['"\\u00g0"', "invalid character 'g' in \\u hexadecimal character escape"],
    ['"a\nb"', "invalid character '\\n' in string literal"],
    ["'a'", "invalid character '\\'' looking for beginning of value"],
    ['é', "invalid character 'Ã' looking for beginning of value"],
    ['\ufeff{}', "invalid character 'ï' looking for beginning of value"],
  ])('%j is refused in the words of Go', (text, message) => {
    let found = '';
    try {
      decodeJson(Buffer.from(text));
    } catch (error) {
      found = (error as Error).message;
    }
    expect(found).toBe(message);
  });

  test('duplicate fields are reported with their path, the last one wins', () => {
    const { value, duplicates } = decodeJson(
      '{"spec":{"a":1,"a":2,"list":[{"x":1},{"y":1,"y":2,"y":3}]},"kind":"A","kind":"B"}',
    );
    expect(value).toEqual({ spec: { a: 2, list: [{ x: 1 }, { y: 3 }] }, kind: 'B' });
    expect(duplicates).toEqual([
      'duplicate field "spec.a"',
      'duplicate field "spec.list[1].y"',
      'duplicate field "kind"',
    ]);
  });

  test('int64 stays exact and is written back as a number', () => {
    const text = '{"a":9223372036854775807,"b":-9007199254740993,"c":9007199254740991,"d":18446744073709551615}';
    const { value } = decodeJson(text);
    expect(value).toEqual({
      a: 9223372036854775807n,
      b: -9007199254740993n,
      c: 9007199254740991,
      d: 18446744073709552000,
    });
    expect(stringifyJson(value)).toBe(text.replace('18446744073709551615', '18446744073709552000'));
    expect(Buffer.from(encodeJson(value)).toString()).toBe(stringifyJson(value));
  });

  test('invalid UTF-8 becomes replacement characters, too deep nesting is refused', () => {
    expect(decodeJson(new Uint8Array([34, 0xff, 34])).value).toBe('\ufffd');
    expect(() => decodeJson('['.repeat(20_000))).toThrow('exceeded max depth');
    expect(() => decodeJson('['.repeat(5000) + ']'.repeat(5000))).toThrow('exceeded max depth');
  });

  test('a field named __proto__ is data', () => {
    const { value, duplicates } = decodeJson('{"__proto__":1,"a":{"__proto__":{"x":1}}}');
    expect(Object.keys(value as object)).toEqual(['__proto__', 'a']);
    expect(duplicates).toEqual([]);
  });

  test('any value is read as JSON.parse reads it, also the slow way', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        const decoded = decodeJson(text);
        expect(asDoubles(decoded.value)).toEqual(JSON.parse(text));
        expect(decoded.duplicates).toEqual([]);
        // A long number sends the document through the parser that finds duplicates.
        const slow = decodeJson(`[${text},12345678901234567890]`).value as unknown[];
        expect(asDoubles(slow[0])).toEqual(JSON.parse(text));
      }),
    );
  });

  test('every proper prefix of an object is an unexpected end', () => {
    const text = '{"a":[1.5e3,"x\\u00e9\\n",true,null],"b":{}}';
    for (let i = 0; i < text.length; i++) {
      expect(() => decodeJson(text.slice(0, i)), text.slice(0, i)).toThrow('unexpected end of JSON input');
    }
  });

  test('kubectl prints sorted keys, four spaces, and escapes markup', () => {
    expect(formatJson({ b: [], a: { '10': '<&>', '9': 1n }, c: undefined, d: [1] })).toBe(
      '{\n    "a": {\n        "10": "\\u003c\\u0026\\u003e",\n        "9": 1\n    },\n    "b": [],\n    "d": [\n        1\n    ]\n}',
    );
  });
});

function asDoubles(value: unknown): unknown {
  return JSON.parse(stringifyJson(value), (_key, item) => item);
}
