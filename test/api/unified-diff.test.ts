import { expect, test } from 'vitest';
import { unifiedDiff } from '../../src/api/unified-diff.ts';

const lines = (count: number, change: (index: number) => string | undefined = () => undefined): string =>
  Array.from({ length: count }, (_, index) => change(index) ?? `line ${index}`).join('\n');

test('nothing changed, nothing to say', () => {
  expect(unifiedDiff('a\nb', 'a\nb')).toBe('');
});

test('a change stands between three lines of context', () => {
  const text = unifiedDiff(
    lines(10),
    lines(10, (index) => (index === 5 ? 'other' : undefined)),
  );
  expect(text).toBe('@@ -3,7 +3,7 @@\n line 2\n line 3\n line 4\n-line 5\n+other\n line 6\n line 7\n line 8\n');
});

test('changes far from each other come in hunks of their own, near ones in one', () => {
  const changed = (...at: number[]) => lines(30, (index) => (at.includes(index) ? 'other' : undefined));
  expect(unifiedDiff(lines(30), changed(5, 20)).match(/^@@/gm)).toHaveLength(2);
  expect(unifiedDiff(lines(30), changed(5, 11)).match(/^@@/gm)).toHaveLength(1);
});

test('a removed last line leaves a range without length', () => {
  expect(unifiedDiff('only', '')).toBe('@@ -1 +1 @@\n-only\n+\n');
});

test('from 200 lines on, lines that come often anchor no match', () => {
  const before = Array.from({ length: 240 }, () => 'null').join('\n');
  // Every line is popular, so that no match begins: all goes, all comes.
  const after = `new\n${before}`;
  const text = unifiedDiff(before, after);
  expect(text.match(/^-/gm)).toHaveLength(240);
  expect(text.match(/^\+/gm)).toHaveLength(241);
});
