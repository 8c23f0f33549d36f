import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IntervalIndex, KeyEntry, KeyIndex, type KeyRange, keyBytes, type Revision } from '../../src/mvcc/index.ts';

function revision(main: number, tombstone = false): Revision {
  return { main, sub: 0, createRevision: 1, version: 1, lease: 0, tombstone, value: undefined };
}

function range(start: string, end: string | undefined): KeyRange {
  return { start, end, single: false };
}

const names = fc.stringMatching(/^[a-d]{1,4}$/);

describe('the key index equals a sorted list', () => {
  test('for puts, deletes, undo, compaction, ranges and counts', () => {
    const action = fc.oneof(
      { weight: 6, arbitrary: fc.record({ op: fc.constant('put' as const), name: names }) },
      { weight: 2, arbitrary: fc.record({ op: fc.constant('delete' as const), name: names }) },
      { weight: 1, arbitrary: fc.record({ op: fc.constant('undo' as const), name: names }) },
      { weight: 1, arbitrary: fc.record({ op: fc.constant('compact' as const), name: names }) },
      { weight: 2, arbitrary: fc.record({ op: fc.constant('range' as const), name: names, end: names }) },
    );
    fc.assert(
      fc.property(fc.array(action, { minLength: 200, maxLength: 1500 }), (actions) => {
        const index = new KeyIndex();
        const model = new Map<string, { main: number; tombstone: boolean }[]>();
        const live = (name: string) => model.get(name)?.at(-1)?.tombstone === false;
        let main = 1;
        let last: string | undefined;
        for (const a of actions) {
          if (a.op === 'put' || (a.op === 'delete' && live(a.name))) {
            const r = revision(++main, a.op === 'delete');
            index.add(a.name, keyBytes(a.name), r);
            model.set(a.name, [...(model.get(a.name) ?? []), { main, tombstone: r.tombstone }]);
            last = a.name;
          } else if (a.op === 'undo' && last !== undefined) {
            const list = model.get(last)!;
            index.undo(index.get(last)!);
            list.pop();
            if (list.length === 0) model.delete(last);
            last = undefined;
          } else if (a.op === 'compact') {
            const at = Math.floor(main * 0.7);
            for (let c: string | undefined = ''; c !== undefined; ) c = index.compactSlice(at, c);
            for (const [name, list] of model) {
              const older = list.filter((r) => r.main <= at);
              const newer = list.filter((r) => r.main > at);
              const kept = older.at(-1)?.tombstone === false ? [older.at(-1)!, ...newer] : newer;
              if (kept.length === 0) model.delete(name);
              else model.set(name, kept);
            }
            last = undefined;
          } else if (a.op === 'range') {
            const expected = [...model.keys()].sort().filter((n) => n >= a.name && n < a.end);
            expect([...index.entries(range(a.name, a.end))].map((e) => e.name)).toEqual(expected);
            expect(index.countLive(range(a.name, a.end))).toBe(expected.filter(live).length);
          }
        }
        index.verify();
        expect(index.size).toBe(model.size);
        expect([...index.entries(range('', undefined))].map((e) => e.revisions.map((r) => r.main))).toEqual(
          [...model.keys()].sort().map((n) => model.get(n)!.map((r) => r.main)),
        );
      }),
      { numRuns: 60 },
    );
  });

  test('for a hundred thousand keys, whose prefix counts need no scan', () => {
    const index = new KeyIndex();
    index.load(
      (function* () {
        for (let i = 0; i < 100_000; i++) {
          const name = `/registry/pods/ns-${String(i % 100).padStart(3, '0')}/pod-${String(i).padStart(6, '0')}`;
          yield name;
        }
      })()
        .toArray()
        .sort()
        .map((name) => new KeyEntry(name, [revision(2)])),
    );
    index.add('/registry/pods/ns-042/zzz', keyBytes('/registry/pods/ns-042/zzz'), revision(3));
    index.verify();
    expect(index.countLive(range('/registry/pods/', '/registry/pods0'))).toBe(100_001);
    expect(index.countLive(range('/registry/pods/ns-042/', '/registry/pods/ns-0420'))).toBe(1001);
    const [first] = index.entries(range('/registry/pods/ns-042/', undefined));
    expect(first!.name).toBe('/registry/pods/ns-042/pod-000042');
  });
});

test('compaction leaves what its worked example says', () => {
  const index = new KeyIndex();
  for (const [main, tombstone] of [
    [2, false],
    [3, false],
    [4, true],
    [5, false],
  ] as const) {
    index.add('a', keyBytes('a'), revision(main, tombstone));
  }
  index.compactSlice(3, '');
  expect(index.get('a')!.revisions.map((r) => r.main)).toEqual([3, 4, 5]);
  index.compactSlice(4, '');
  expect(index.get('a')!.revisions.map((r) => r.main)).toEqual([5]);
});

test('the interval index finds exactly the ranges that hold a key', () => {
  const ranges = fc.array(
    fc.record({ start: names, end: fc.option(names, { nil: undefined }), single: fc.boolean() }),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(
      ranges,
      fc.array(names, { maxLength: 20 }),
      fc.array(fc.nat(), { maxLength: 20 }),
      (all, keys, gone) => {
        const index = new IntervalIndex<number>();
        const model = new Map<number, KeyRange>();
        all.forEach((r, i) => {
          index.add(r, i);
          model.set(i, r);
        });
        index.stab('a', () => {});
        for (const i of gone) {
          if (!model.has(i)) continue;
          index.delete(model.get(i)!, i);
          model.delete(i);
        }
        for (const key of keys) {
          const found: number[] = [];
          index.stab(key, (i) => found.push(i));
          const expected = [...model].filter(([, r]) =>
            r.single ? key === r.start : key >= r.start && (r.end === undefined || key < r.end),
          );
          expect(found.sort((a, b) => a - b)).toEqual(expected.map(([i]) => i));
        }
      },
    ),
  );
});
