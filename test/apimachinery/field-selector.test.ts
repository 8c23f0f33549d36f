import fc from 'fast-check';
import { expect, test } from 'vitest';
import { escapeFieldValue, everythingFieldSelector, parseFieldSelector } from '../../src/apimachinery/index.ts';

test('fields are compared with = == and !=', () => {
  const selector = parseFieldSelector('spec.nodeName=n1,status.phase!=Failed,metadata.name==a');
  expect(selector.matches({ 'spec.nodeName': 'n1', 'status.phase': 'Running', 'metadata.name': 'a' })).toBe(true);
  expect(selector.matches({ 'spec.nodeName': 'n1', 'status.phase': 'Failed', 'metadata.name': 'a' })).toBe(false);
  expect(selector.requiresExactMatch('spec.nodeName')).toBe('n1');
  expect(selector.requiresExactMatch('status.phase')).toBeUndefined();
  expect(selector.toString()).toBe('metadata.name=a,spec.nodeName=n1,status.phase!=Failed');
  expect(parseFieldSelector('')).toBe(everythingFieldSelector());
});

test('an absent field counts as empty', () => {
  expect(parseFieldSelector('spec.nodeName=').matches({})).toBe(true);
});

test.each([
  ['a', "invalid selector: 'a'; can't understand 'a'"],
  ['a=b=c', 'invalid field selector: unescaped character in value: 61'],
  ['a=b\\c', 'invalid field selector: invalid escape sequence: \\c'],
  ['a=b\\', 'invalid field selector: invalid escape sequence: \\'],
])('%j is refused in upstream words', (text, message) => {
  expect(() => parseFieldSelector(text)).toThrow(message);
});

test('any value survives escaping', () => {
  fc.assert(
    fc.property(fc.string(), (value) => {
      const selector = parseFieldSelector(`a=${escapeFieldValue(value)},b=1`);
      expect(selector.requiresExactMatch('a')).toBe(value);
      expect(parseFieldSelector(selector.toString()).requirements).toEqual(selector.requirements);
    }),
  );
});
