import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { diffFolders } from '../../src/cli/diff/unified.ts';

const folder = mkdtempSync(join(tmpdir(), 'klab-unified-'));
const [from, to] = [join(folder, 'from'), join(folder, 'to')];

function fresh(files: Record<string, string>, others: Record<string, string>): string {
  for (const [path, content] of [
    [from, files],
    [to, others],
  ] as const) {
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path);
    for (const [name, text] of Object.entries(content)) writeFileSync(join(path, name), text);
  }
  return diffFolders(from, to);
}

/** What the system's diff says; it exits with 1 for differences. */
function systemDiff(): string {
  try {
    return execFileSync('diff', ['-u', '-N', from, to], { encoding: 'utf8' });
  } catch (error) {
    const { status, stdout } = error as { status: number; stdout: string };
    if (status !== 1) throw error;
    return stdout;
  }
}

/** What `patch` would make of a text: hunks read and applied as POSIX says. */
function patched(before: string, diff: string): string {
  const source = before.split('\n').slice(0, -1);
  const out: string[] = [];
  let at = 0;
  for (const line of diff.split('\n').slice(3, -1)) {
    const head = /^@@ -(\d+)(?:,(\d+))? /.exec(line);
    if (head) {
      const start = head[2] === '0' ? Number(head[1]) : Number(head[1]) - 1;
      out.push(...source.slice(at, start));
      at = start;
    } else if (line[0] === '+') out.push(line.slice(1));
    else {
      expect(source[at]).toBe(line.slice(1));
      if (line[0] === ' ') out.push(source[at]!);
      at++;
    }
  }
  return [...out, ...source.slice(at)].map((line) => `${line}\n`).join('');
}

describe('folders compared as diff -u -N does', () => {
  beforeAll(() => mkdirSync(folder, { recursive: true }));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const numbered = (count: number, change: (i: number) => string) =>
    Array.from({ length: count }, (_, i) => `${change(i)}\n`).join('');

  it.each<[what: string, before: Record<string, string>, after: Record<string, string>]>([
    ['nothing differs', { a: 'x\n' }, { a: 'x\n' }],
    ['a file of one side', { a: 'x\ny\n' }, { b: 'z\n' }],
    ['an empty file', { a: '' }, { a: 'x\n' }],
    ['files in the order of their names', { b: '1\n', a: '1\n', B: '1\n' }, { b: '2\n', a: '2\n', B: '2\n' }],
    ['a last line without its end', { a: 'x\ny' }, { a: 'x\ny\n' }],
    ['changes that share a hunk', { a: numbered(30, String) }, { a: numbered(30, (i) => (i % 7 ? `${i}` : 'x')) }],
    ['changes in hunks of their own', { a: numbered(50, String) }, { a: numbered(50, (i) => (i % 15 ? `${i}` : 'x')) }],
    [
      'a block added like the one before it',
      { a: 'l\n- a\n  b\n  c\nz\n' },
      { a: 'l\n- a\n  b\n  c\n- d\n  b\n  c\nz\n' },
    ],
    ['a block removed like the one before it', { a: 'l\n- a\n  b\n- d\n  b\nz\n' }, { a: 'l\n- a\n  b\nz\n' }],
  ])('%s', (_, before, after) => {
    expect(fresh(before, after)).toBe(systemDiff());
  });

  it('what it prints makes the one text out of the other, and is no longer than needed', () => {
    const text = fc.array(fc.constantFrom('a', 'b', 'c', '- x', '  y'), { maxLength: 25 });
    const whole = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('');
    fc.assert(
      fc.property(text, text, (before, after) => {
        const diff = fresh({ f: whole(before) }, { f: whole(after) });
        if (whole(before) === whole(after)) expect(diff).toBe('');
        else {
          expect(patched(whole(before), diff)).toBe(whole(after));
          const changes = (output: string) =>
            output
              .split('\n')
              .slice(3)
              .filter((line) => /^[-+]/.test(line)).length;
          expect(changes(diff)).toBeLessThanOrEqual(changes(systemDiff()));
        }
      }),
      { numRuns: 60 },
    );
  });
});
