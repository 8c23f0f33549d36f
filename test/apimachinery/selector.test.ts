import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  everythingSelector,
  formatLabelSelector,
  type LabelMap,
  nothingSelector,
  parseLabelSelector,
  type Requirement,
  selectorFromLabelSelector,
  selectorFromSet,
} from '../../src/apimachinery/index.ts';

describe('label selectors', () => {
  test.each([
    ['a=b', { a: 'b' }, true],
    ['a==b', { a: 'c' }, false],
    ['a!=b', {}, true],
    ['a', { a: '' }, true],
    ['!a', { a: '' }, false],
    ['a in (b,c)', { a: 'c' }, true],
    ['a notin (b, c)', { a: 'd' }, true],
    ['a notin (b)', {}, true],
    ['a in ()', { a: '' }, true],
    ['a in (,x)', { a: '' }, true],
    ['a=', { a: '' }, true],
    ['a>5', { a: '6' }, true],
    ['a<5', { a: 'x' }, false],
    ['in in (in)', { in: 'in' }, true],
    ['x.io/a=1,b', { 'x.io/a': '1', b: '2' }, true],
    ['', { any: 'thing' }, true],
  ] as [string, LabelMap, boolean][])('%j on %j', (text, labels, matches) => {
    expect(parseLabelSelector(text).matches(labels)).toBe(matches);
  });

  test.each([
    ['a=b=c', "found '=', expected: ',' or 'end of string'"],
    ['=b', "found '=', expected: !, identifier, or 'end of string'"],
    ['a,', "found '', expected: identifier after ','"],
    ['a in b', "unable to parse requirement: found 'b' expected: '('"],
    ['a in (b', "unable to parse requirement: found '', expected: ',' or ')'"],
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['!', "unable to parse requirement: found '', expected: identifier"],
    [
      'a>x',
      "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
    ],
    [
      '-a',
      "unable to parse requirement: <nil>: Invalid value: \"-a\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
    ],
    [
      'a=-',
      "unable to parse requirement: values[0][a]: Invalid value: \"-\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
    ],
  ])('%j is refused in upstream words', (text, message) => {
    expect(() => parseLabelSelector(text)).toThrow(new Error(message).message);
    try {
      parseLabelSelector(text);
    } catch (error) {
      expect((error as Error).message).toBe(message);
    }
  });

  test('objects select: null nothing, empty everything', () => {
    expect(selectorFromLabelSelector(undefined)).toBe(nothingSelector());
    expect(selectorFromLabelSelector(null).matches({})).toBe(false);
    expect(selectorFromLabelSelector({})).toBe(everythingSelector());
    const selector = selectorFromLabelSelector({
      matchLabels: { app: 'web' },
      matchExpressions: [
        { key: 'tier', operator: 'In', values: ['b', 'a'] },
        { key: 'old', operator: 'DoesNotExist' },
      ],
    });
    expect(selector.toString()).toBe('app=web,!old,tier in (a,b)');
    expect(selector.matches({ app: 'web', tier: 'a' })).toBe(true);
    expect(selector.matches({ app: 'web', tier: 'a', old: '' })).toBe(false);
    expect(selector.requiresExactMatch('app')).toBe('web');
    expect(selector.requiresExactMatch('tier')).toBeUndefined();
    expect(() => selectorFromLabelSelector({ matchExpressions: [{ key: 'a', operator: 'Like', values: [] }] })).toThrow(
      '"Like" is not a valid label selector operator',
    );
    expect(formatLabelSelector({})).toBe('<none>');
    expect(formatLabelSelector({ matchLabels: { 'bad key': 'x' } })).toBe('<error>');
  });

  test('a label on the prototype is no label', () => {
    expect(parseLabelSelector('constructor').matches({})).toBe(false);
    expect(selectorFromSet({ toString: 'x' }).matches({})).toBe(false);
  });

  const word = fc.constantFrom('a', 'b', 'c', 'x.io/d', 'in', 'notin');
  const value = fc.constantFrom('', '1', '2', 'a', 'in', 'x-y');
  const requirement: fc.Arbitrary<Requirement> = fc.oneof(
    fc.record({
      key: word,
      operator: fc.constantFrom('=' as const, '!=' as const, '==' as const),
      values: fc.tuple(value),
    }),
    fc.record({
      key: word,
      operator: fc.constantFrom('in' as const, 'notin' as const),
      values: fc.uniqueArray(value, { minLength: 1 }).map((values) => values.sort()),
    }),
    fc.record({ key: word, operator: fc.constantFrom('exists' as const, '!' as const), values: fc.constant([]) }),
  );
  const labels = fc.dictionary(word, value);

  const naive = (list: readonly Requirement[], map: LabelMap): boolean =>
    list.every(({ key, operator, values }) => {
      const own = Object.hasOwn(map, key) ? map[key]! : undefined;
      const among = own !== undefined && values.includes(own);
      if (operator === 'exists') return own !== undefined;
      if (operator === '!') return own === undefined;
      return operator === '!=' || operator === 'notin' ? !among : among;
    });

  const textOf = ({ key, operator, values }: Requirement): string => {
    if (operator === 'exists') return key;
    if (operator === '!') return `!${key}`;
    return operator === 'in' || operator === 'notin'
      ? `${key} ${operator} (${values.join(', ')})`
      : key + operator + values[0];
  };

  test('any list of requirements is read, matched and written alike', () => {
    fc.assert(
      fc.property(fc.array(requirement, { minLength: 1, maxLength: 4 }), labels, (list, map) => {
        const selector = parseLabelSelector(list.map(textOf).join(','));
        expect(selector.matches(map)).toBe(naive(list, map));
        const again = parseLabelSelector(selector.toString());
        expect(again.matches(map)).toBe(selector.matches(map));
        expect(again.toString()).toBe(selector.toString());
      }),
    );
  });
});
