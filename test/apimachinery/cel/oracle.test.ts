/** Random expressions mean to us what they mean to an independent implementation of the language. */
import { evaluate } from '@marcbachmann/cel-js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CelEnvironment } from '../../../src/apimachinery/cel/environment.ts';
import { CelFailure } from '../../../src/apimachinery/cel/values.ts';

const { int } = fc.letrec<{ int: string; bool: string; list: string }>((tie) => ({
  int: fc.oneof(
    { maxDepth: 4 },
    fc.integer({ min: -9, max: 9 }).map((n) => (n < 0 ? `(${n})` : String(n))),
    fc.tuple(tie('int'), fc.constantFrom('+', '-', '*', '/', '%'), tie('int')).map(([a, op, b]) => `(${a} ${op} ${b})`),
    fc.tuple(tie('bool'), tie('int'), tie('int')).map(([c, a, b]) => `(${c} ? ${a} : ${b})`),
    tie('list').map((list) => `size(${list})`),
  ),
  bool: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom('true', 'false'),
    fc
      .tuple(tie('int'), fc.constantFrom('<', '<=', '>', '>=', '==', '!='), tie('int'))
      .map(([a, op, b]) => `(${a} ${op} ${b})`),
    fc.tuple(tie('bool'), fc.constantFrom('&&', '||'), tie('bool')).map(([a, op, b]) => `(${a} ${op} ${b})`),
    tie('bool').map((a) => `!${a}`),
    fc
      .tuple(tie('list'), fc.constantFrom('all', 'exists', 'exists_one'), tie('int'))
      .map(([list, macro, limit]) => `${list}.${macro}(x, x < ${limit})`),
  ),
  list: fc.oneof(
    { maxDepth: 2 },
    fc.array(tie('int'), { minLength: 1, maxLength: 3 }).map((items) => `[${items.join(', ')}]`),
    tie('list').map((list) => `${list}.map(x, x + 1)`),
    tie('list').map((list) => `${list}.filter(x, x > 0)`),
  ),
}));

const environment = new CelEnvironment({ variables: {} });

function ours(expression: string): unknown {
  const { compiled, issues, planError } = environment.compile(expression);
  expect(issues ?? planError).toBeUndefined();
  const { value } = compiled!.program.evaluate(() => undefined, Number.POSITIVE_INFINITY);
  return value instanceof CelFailure ? 'failure' : value;
}

function theirs(expression: string): unknown {
  try {
    return evaluate(expression);
  } catch {
    return 'failure';
  }
}

describe('an independent implementation', () => {
  it('comes to the same values', () => {
    fc.assert(
      fc.property(int, (expression) => {
        expect(ours(expression), expression).toEqual(theirs(expression));
      }),
      { numRuns: 300, seed: 7 },
    );
  });
});
