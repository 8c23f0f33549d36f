import { describe, expect, it } from 'vitest';
import { durationFlag, podRunningTimeout, timeOf } from '../../src/cli/flag-values.ts';

describe('values of flags', () => {
  it('durations are Go’s', () => {
    expect(durationFlag('timeout', '1m30s')).toBe(90_000);
    expect(() => durationFlag('timeout', 'soon')).toThrow(
      'invalid argument "soon" for "--timeout" flag: time: invalid duration "soon"',
    );
    expect(() => podRunningTimeout('0s')).toThrow('--pod-running-timeout must be higher than zero');
  });

  it('times are RFC 3339 and nothing else', () => {
    expect(timeOf('2026-01-02T03:04:05Z')).toBe(Date.UTC(2026, 0, 2, 3, 4, 5));
    expect(timeOf('2026-01-02T03:04:05.25+01:00')).toBe(Date.UTC(2026, 0, 2, 2, 4, 5, 250));
  });

  // What Go 1.25's time.Parse(time.RFC3339, …) says.
  it.each([
    ['yesterday', ' as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"'],
    ['2020-01-01', ' as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T"'],
    ['2020-01-01 00:00:00Z', ' as "2006-01-02T15:04:05Z07:00": cannot parse " 00:00:00Z" as "T"'],
    ['2020-01-01T00:00:00', ' as "2006-01-02T15:04:05Z07:00": cannot parse "" as "Z07:00"'],
    ['2020-01-01T00:00:00Zx', ': extra text: "x"'],
    ['2020-13-01T00:00:00Z', ': month out of range'],
    ['2020-02-31T00:00:00Z', ': day out of range'],
    ['2020-01-01T25:00:00Z', ': hour out of range'],
  ])('%j is none', (text, why) => {
    expect(() => timeOf(text)).toThrow(`parsing time ${JSON.stringify(text)}${why}`);
  });
});
