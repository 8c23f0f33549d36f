import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderHistory } from '../../src/cli/etcd/history.ts';
import { diffLines, hunks } from '../../src/cli/line-diff.ts';

const lines = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 12 });

describe('the difference of two texts', () => {
  it('gives back both texts', () => {
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        const diff = diffLines(before, after);
        expect(diff.filter(({ mark }) => mark !== '+').map(({ text }) => text)).toEqual(before);
        expect(diff.filter(({ mark }) => mark !== '-').map(({ text }) => text)).toEqual(after);
      }),
    );
  });

  it('changes as few lines as a plain search finds', () => {
    const common = (a: readonly string[], b: readonly string[]): number => {
      if (a.length === 0 || b.length === 0) return 0;
      if (a[0] === b[0]) return 1 + common(a.slice(1), b.slice(1));
      return Math.max(common(a.slice(1), b), common(a, b.slice(1)));
    };
    const short = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 7 });
    fc.assert(
      fc.property(short, short, (before, after) => {
        const kept = diffLines(before, after).filter(({ mark }) => mark === ' ').length;
        expect(kept).toBe(common(before, after));
      }),
    );
  });

  it('shows what is around a change, and a gap once', () => {
    const before = ['1', '2', '3', '4', '5', '6', '7', '8', '9'];
    const shown = hunks(diffLines(before, ['1', '2', 'x', '4', '5', '6', '7', '8', '9', '10']), 1);
    expect(shown.map((line) => (line ? line.mark + line.text : '…'))).toEqual([
      ' 2',
      '-3',
      '+x',
      ' 4',
      '…',
      ' 9',
      '+10',
    ]);
  });
});

describe('the history of a key', () => {
  const item = (revision: number, type: 'create' | 'update' | 'delete', value?: object) =>
    ({ key: '/registry/x', revision, version: revision - 6, type, time: '2026-01-02T03:04:05Z', value }) as const;

  it('tells who, why and what, oldest first', () => {
    const meta = { name: 'web', managedFields: [{ manager: 'klab' }] };
    const text = renderHistory(
      [
        {
          ...item(7, 'create', { kind: 'Deployment', metadata: meta, spec: { replicas: 1 } }),
          actor: 'user:ada',
          agent: 'klab',
        },
        {
          ...item(9, 'update', { kind: 'Deployment', metadata: meta, spec: { replicas: 3 } }),
          actor: 'controller:scale',
          cause: { object: 'pods/default/a', revision: 8, count: 4 },
        },
        {
          ...item(10, 'update', { kind: 'Deployment', metadata: { name: 'web' }, spec: { replicas: 3 } }),
          cause: { timer: 'resync' },
        },
        item(12, 'delete'),
      ],
      undefined,
      { showManagedFields: false },
    );
    expect(text).toBe(`revision 7  create  2026-01-02T03:04:05Z  version 1
  by user:ada (klab)
  + kind: Deployment
  + metadata:
  +   name: web
  + spec:
  +   replicas: 1

revision 9  update  2026-01-02T03:04:05Z  version 3
  by controller:scale
  because of pods/default/a at revision 8, the newest of 4 changes
      name: web
    spec:
  -   replicas: 1
  +   replicas: 3

revision 10  update  2026-01-02T03:04:05Z  version 4
  by unknown
  because of a timer: resync
  (nothing changed but managedFields or bytes)

revision 12  delete  2026-01-02T03:04:05Z
  by unknown
  (the key is gone)`);
  });

  it('says that older revisions are left out, and still shows what the first one changed', () => {
    const text = renderHistory([item(9, 'update', { a: 2 })], item(8, 'update', { a: 1 }), {
      showManagedFields: false,
    });
    expect(text).toContain('older revisions are left out');
    expect(text).toContain('- a: 1');
    expect(text).toContain('+ a: 2');
  });
});
