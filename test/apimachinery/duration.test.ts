import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  ageSince,
  formatDuration,
  humanDuration,
  intValueOf,
  parseDuration,
  scaledIntOrPercent,
} from '../../src/apimachinery/index.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

test.each([
  ['5m', 5 * minute],
  ['1h30m', 90 * minute],
  ['1.5s', 1500],
  ['-2ms', -2],
  ['0', 0],
  ['.5s', 500],
  ['1h1m1s1ms1us1ns', 3_661_001.001001],
])('%s is %d ms', (text, ms) => {
  expect(parseDuration(text)).toBeCloseTo(ms, 6);
});

test.each([
  ['', 'time: invalid duration ""'],
  ['5', 'time: missing unit in duration "5"'],
  ['5x', 'time: unknown unit "x" in duration "5x"'],
  ['s', 'time: invalid duration "s"'],
])('%j is refused in the words of Go', (text, message) => {
  expect(() => parseDuration(text)).toThrow(message);
});

test('durations are written as Go does and read back', () => {
  expect(formatDuration(90 * minute)).toBe('1h30m0s');
  expect(formatDuration(1500)).toBe('1.5s');
  expect(formatDuration(0.001)).toBe('1µs');
  expect(formatDuration(0)).toBe('0s');
  fc.assert(
    fc.property(fc.integer({ min: -1e12, max: 1e12 }), (ms) => {
      expect(parseDuration(formatDuration(ms))).toBeCloseTo(ms, 3);
    }),
  );
});

test.each([
  [-5 * second, '<invalid>'],
  [-500, '0s'],
  [119 * second, '119s'],
  [2 * minute, '2m'],
  [125 * second, '2m5s'],
  [10 * minute, '10m'],
  [179 * minute, '179m'],
  [3 * hour, '3h'],
  [200 * minute, '3h20m'],
  [47 * hour, '47h'],
  [48 * hour, '2d'],
  [50 * hour, '2d2h'],
  [8 * day, '8d'],
  [729 * day, '729d'],
  [2 * 365 * day, '2y'],
  [(2 * 365 + 3) * day, '2y3d'],
  [9 * 365 * day, '9y'],
])('an age of %d ms is %s', (ms, text) => {
  expect(humanDuration(ms)).toBe(text);
});

test('no timestamp, no age', () => {
  expect(ageSince(undefined, 0)).toBe('<unknown>');
  expect(ageSince('1970-01-01T00:00:00Z', 5 * second)).toBe('5s');
});

test('percentages scale and round as asked', () => {
  expect(scaledIntOrPercent('25%', 10, 'up')).toBe(3);
  expect(scaledIntOrPercent('25%', 10, 'down')).toBe(2);
  expect(scaledIntOrPercent(4, 10, 'up')).toBe(4);
  expect(() => scaledIntOrPercent('x', 1, 'up')).toThrow('invalid type: string is not a percentage');
  expect(intValueOf('80')).toBe(80);
});
