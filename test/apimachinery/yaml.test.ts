import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeYaml, encodeYaml, FormatError } from '../../src/apimachinery/index.ts';

const one = (text: string): any => decodeYaml(text)[0]?.value;

describe('reading YAML', () => {
  test.each([
    ['y', true],
    ['No', false],
    ['on', true],
    ['OFF', false],
    ['012', 10],
    ['0o14', 12],
    ['1_000', 1000],
    ['0x1F', 31],
    ['0b11', 3],
    ['08', 8],
    ['1e3', 1000],
    ['.5', 0.5],
    ['2001-01-01', '2001-01-01'],
    ['1:30', '1:30'],
    ['~', null],
    ['null', null],
    ['"012"', '012'],
    ['!!str 012', '012'],
    ['9223372036854775807', 9223372036854775807n],
    ['1.2.3', '1.2.3'],
  ])('kubectl reads %s as %s', (text, value) => {
    expect(one(`a: ${text}`).a).toEqual(value);
  });

  test('keys become strings', () => {
    expect(one('on: 1\n2: b\n1.5: c\n')).toEqual({ true: 1, '2': 'b', '1.5': 'c' });
  });

  test('documents have their places, empty ones are left out', () => {
    const documents = decodeYaml(
      '# comment\n---\n---\nkind: A\n---\n\n  # indented\nkind: B\nspec:\n  list:\n  - name: x\n',
      {
        file: 'a.yaml',
      },
    );
    expect(documents.map(({ value }) => (value as any).kind)).toEqual(['A', 'B']);
    expect(documents.map(({ position }) => position)).toEqual([
      { file: 'a.yaml', line: 4, column: 1 },
      { file: 'a.yaml', line: 8, column: 1 },
    ]);
    expect(documents[1]!.locate('spec.list[0].name')).toEqual({ file: 'a.yaml', line: 11, column: 5 });
    expect(documents[1]!.locate(['spec', 'list', 4])).toMatchObject({ line: 10, column: 3 });
    expect(documents[1]!.locate('nothing.like.that')).toMatchObject({ line: 8, column: 1 });
  });

  test('JSON is YAML, with places too', () => {
    const [document] = decodeYaml('{"a": {\n  "b": [1, 2]}}');
    expect(document!.value).toEqual({ a: { b: [1, 2] } });
    expect(document!.locate('a.b[1]')).toMatchObject({ line: 2, column: 12 });
  });

  test('duplicates are reported, the last one wins', () => {
    const [document] = decodeYaml('metadata:\n  name: a\n  name: b\nlist:\n- x: 1\n  x: 2\n');
    expect(document!.value).toEqual({ metadata: { name: 'b' }, list: [{ x: 2 }] });
    expect(document!.duplicates).toEqual(['duplicate field "metadata.name"', 'duplicate field "list[0].x"']);
  });

  test('anchors are copied, merge keys give what is not said', () => {
    const value = one('base: &b {x: 1, z: [1]}\na:\n  <<: *b\n  x: 2\nc: *b\n');
    expect(value).toEqual({ base: { x: 1, z: [1] }, a: { x: 2, z: [1] }, c: { x: 1, z: [1] } });
    expect(value.c).not.toBe(value.base);
  });

  test('a billion laughs stop', () => {
    let text = 'a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n';
    for (let i = 1; i < 9; i++)
      text += `a${i}: &a${i} [${Array(10)
        .fill(`*a${i - 1}`)
        .join()}]\n`;
    expect(() => decodeYaml(text)).toThrow('document contains excessive aliasing');
  });

  test('an error says file, line and column', () => {
    let error: unknown;
    try {
      decodeYaml('a: 1\nb: [1, 2\nc: 3\n', { file: 'bad.yaml' });
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(FormatError);
    expect((error as FormatError).message).toMatch(/^bad\.yaml:3:\d+: /);
    expect((error as FormatError).position).toMatchObject({ file: 'bad.yaml', line: 3 });
    expect(() => decodeYaml('a: .inf')).toThrow('json: unsupported value');
  });
});

describe('writing YAML', () => {
  const file = join(import.meta.dirname, 'data', 'kubectl-output.yaml.txt');
  const recorded = readFileSync(file, 'utf8');

  test('what kubectl 1.35 wrote is written the same', () => {
    expect(encodeYaml(one(recorded))).toBe(recorded);
  });

  test('shapes', () => {
    expect(encodeYaml({ b: { c: [], d: {} }, a: [[1, 2], [{ x: null, y: [] }]] })).toBe(
      'a:\n- - 1\n  - 2\n- - x: null\n    "y": []\nb:\n  c: []\n  d: {}\n',
    );
    expect(encodeYaml([])).toBe('[]\n');
    expect(encodeYaml('x')).toBe('x\n');
    expect(encodeYaml({ n: 1e21, m: 1.5, k: 9223372036854775807n, f: 1234567.5 })).toBe(
      'f: 1.2345675e+06\nk: 9223372036854775807\nm: 1.5\n"n": 1e+21\n',
    );
    expect(encodeYaml({ ['k'.repeat(129)]: 1 })).toBe(`? ${'k'.repeat(129)}\n: 1\n`);
  });

  test('whatever is written is read back', () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom(
        'yes',
        '012',
        '1:30',
        '~',
        'a: b',
        '- x',
        'a\nb\n',
        ' a',
        'x '.repeat(60),
        '2001-01-01',
        'a\n\n',
        '\n',
        '...',
        '---',
      ),
      fc.array(fc.constantFrom(' ', '\n', 'a', '#', ':', '-', "'", '"', '\t', '\\')).map((parts) => parts.join('')),
    );
    const value = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 3 },
        fc.oneof(
          text,
          fc.integer(),
          fc.boolean(),
          fc.constant(null),
          fc.double({ noNaN: true, noDefaultInfinity: true }),
        ),
        fc.array(tie('node'), { maxLength: 4 }),
        fc.dictionary(text, tie('node'), { maxKeys: 4 }),
      ),
    })).node;
    fc.assert(
      fc.property(value, (node) => {
        const written = encodeYaml({ root: node });
        expect(JSON.stringify(one(written).root, sorted)).toBe(JSON.stringify(node, sorted));
      }),
      { numRuns: 500 },
    );
  });
});

function sorted(_key: string, value: unknown): unknown {
  if (Object.is(value, -0)) return 0;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.keys(value)
    .sort()
    .map((key) => [key, (value as any)[key]]);
}
