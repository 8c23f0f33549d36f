import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseJsonPath, relaxedJsonPath } from '../../src/apimachinery/index.ts';

interface Case {
  readonly data: 'pod' | 'list';
  readonly template: string;
  readonly output?: string;
  readonly error?: string;
}

/** Answers of `kubectl patch --local … -o jsonpath=…` (1.35). */
const recorded = JSON.parse(readFileSync(join(import.meta.dirname, 'data', 'kubectl-jsonpath.json'), 'utf8')) as {
  readonly pod: unknown;
  readonly list: unknown;
  readonly cases: readonly Case[];
};

describe('templates print what kubectl prints', () => {
  test.each(recorded.cases.map((row) => [row.template, row.data, row] as const))(
    '%s of the %s',
    (template, data, row) => {
      let output = '';
      let error: string | undefined;
      try {
        output = parseJsonPath(template).render(recorded[data]);
      } catch (caught) {
        error = (caught as Error).message;
      }
      expect(error).toBe(row.error);
      // Go's order of map entries is random: what a wildcard over a map finds is compared as a set.
      if (/\.\*\}/.test(template)) expect(output.split(' ').sort()).toEqual((row.output ?? '').split(' ').sort());
      else expect(output).toBe(row.output ?? '');
    },
  );
});

test('missing keys are errors when asked', () => {
  expect(() => parseJsonPath('{.a.b}', { allowMissingKeys: false }).render({ a: {} })).toThrow('b is not found');
  expect(parseJsonPath('{.a.b}').find({ a: {} })).toEqual([[]]);
});

test.each([
  ['metadata.name', '{.metadata.name}'],
  ['.metadata.name', '{.metadata.name}'],
  ['{metadata.name}', '{.metadata.name}'],
  ['{.metadata.name}', '{.metadata.name}'],
])('the relaxed form %s is %s', (text, full) => {
  expect(relaxedJsonPath(text)).toBe(full);
  expect(parseJsonPath(text, { relaxed: true }).render({ metadata: { name: 'x' } })).toBe('x');
});

test('a relaxed form with stray braces is refused', () => {
  expect(() => relaxedJsonPath('{a}{b}')).toThrow('unexpected path string');
});

test('a parsed template can be used again', () => {
  const path = parseJsonPath('{range .a[*]}{.x},{end}');
  expect(path.render({ a: [{ x: 1 }, { x: 2 }] })).toBe('1,2,');
  expect(path.render({ a: [{ x: 3 }] })).toBe('3,');
});
