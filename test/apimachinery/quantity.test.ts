import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addQuantity,
  canonicalQuantity,
  compareQuantity,
  milliValueOf,
  newMilliQuantity,
  newQuantity,
  parseQuantity,
  subtractQuantity,
  wholeValueOf,
} from '../../src/apimachinery/index.ts';

describe('quantities', () => {
  test.each([
    ['0', '0'],
    ['0Mi', '0'],
    ['100m', '100m'],
    ['1000m', '1'],
    ['0.1', '100m'],
    ['1.5', '1500m'],
    ['1500', '1500'],
    ['2000', '2k'],
    ['1Gi', '1Gi'],
    ['1024Mi', '1Gi'],
    ['1.5Gi', '1536Mi'],
    ['0.5Mi', '512Ki'],
    ['1023', '1023'],
    ['512', '512'],
    ['500Ki', '500Ki'],
    ['0.5Ki', '512'],
    ['0.25', '250m'],
    ['1e3', '1e3'],
    ['1E3', '1E3'],
    ['12e6', '12e6'],
    ['1e-3', '1e-3'],
    ['1E', '1E'],
    ['100k', '100k'],
    ['1000k', '1M'],
    ['-1', '-1'],
    ['-0.5', '-500m'],
    ['+5', '+5'],
    ['05', '05'],
    ['.5', '500m'],
    ['0.0000000001', '1n'],
    ['1.0000000001', '1000000001n'],
    ['100000000000000000000', '100E'],
    ['9223372036854775807Ki', '9223372036854775807'],
    ['123456789012345678', '123456789012345678'],
  ])('%s is written as %s', (text, canonical) => {
    expect(canonicalQuantity(text)).toBe(canonical);
  });

  test.each(['', 'abc', '1.5.5', '1 Gi', '1gi', '5 ', '1,5'])('%j is refused in upstream words', (text) => {
    expect(() => parseQuantity(text)).toThrow(/quantities must match the regular expression|unable to parse quantity/);
  });

  test('a wrong suffix and a wrong shape have their own messages', () => {
    expect(() => parseQuantity('1mm')).toThrow("unable to parse quantity's suffix");
    expect(() => parseQuantity('1e')).toThrow("unable to parse quantity's suffix");
    expect(() => parseQuantity('x')).toThrow(
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
    expect(() => parseQuantity('1e999999999')).toThrow("unable to parse quantity's suffix");
  });

  test('value and milliValue round away from zero', () => {
    expect(wholeValueOf('100m')).toBe(1);
    expect(wholeValueOf('-100m')).toBe(-1);
    expect(wholeValueOf('1Gi')).toBe(1_073_741_824);
    expect(milliValueOf('0.0001')).toBe(1);
    expect(milliValueOf(2)).toBe(2000);
    expect(milliValueOf(undefined)).toBe(0);
  });

  test('a sum keeps the format of its first non-zero part', () => {
    expect(addQuantity('1Gi', '1024')).toBe('1048577Ki');
    expect(addQuantity('0', '1Gi')).toBe('1Gi');
    expect(addQuantity('100m', '0.9')).toBe('1');
    expect(subtractQuantity('1Gi', '512Mi')).toBe('512Mi');
    expect(newQuantity(1024, 'BinarySI').toString()).toBe('1Ki');
    expect(newMilliQuantity(1500, 'DecimalSI').toString()).toBe('1500m');
  });

  const suffix = fc.constantFrom('', 'm', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi', 'e3', 'e-2');
  const quantity = fc
    .tuple(fc.constantFrom('', '-'), fc.nat(2 ** 31), fc.option(fc.nat(999), { nil: undefined }), suffix)
    .map(([sign, whole, fraction, unit]) => `${sign}${whole}${fraction === undefined ? '' : `.${fraction}`}${unit}`);

  test('what is written is read as the same amount, and is final', () => {
    fc.assert(
      fc.property(quantity, (text) => {
        const parsed = parseQuantity(text);
        const written = parsed.negate().negate().toString();
        expect(parseQuantity(written).nano).toBe(parsed.nano);
        expect(parseQuantity(written).negate().negate().toString()).toBe(written);
      }),
    );
  });

  test('order and sums agree with whole numbers of nano units', () => {
    fc.assert(
      fc.property(quantity, quantity, (a, b) => {
        const [left, right] = [parseQuantity(a).nano, parseQuantity(b).nano];
        expect(compareQuantity(a, b)).toBe(left < right ? -1 : left > right ? 1 : 0);
        expect(parseQuantity(addQuantity(a, b)).nano).toBe(left + right);
        expect(parseQuantity(subtractQuantity(addQuantity(a, b), b)).nano).toBe(left);
      }),
    );
  });
});
