import { expect, test } from 'vitest';
import { renderDiff } from '../../src/cli/etcd/history.ts';
import type { HistoryItem } from '../../src/cli/etcd/history-source.ts';

const item = (revision: number, value: unknown): HistoryItem => ({
  key: '/k',
  revision,
  version: 1,
  type: 'update',
  time: '2026-01-01T00:00:00Z',
  value,
});
const options = { key: '/k', showManagedFields: false };

test('two revisions of an object differ line by line, managedFields apart', () => {
  const a = item(3, { kind: 'A', metadata: { name: 'x', managedFields: [1] }, spec: { replicas: 1 } });
  const b = item(9, { kind: 'A', metadata: { name: 'x', managedFields: [2] }, spec: { replicas: 2 } });
  const lines = renderDiff(a, b, options).split('\n');
  expect(lines.slice(0, 2)).toEqual([
    '--- /k at revision 3, 2026-01-01T00:00:00Z',
    '+++ /k at revision 9, 2026-01-01T00:00:00Z',
  ]);
  expect(lines.filter((line) => /^[-+] /.test(line))).toEqual(['-  replicas: 1', '+  replicas: 2']);
  expect(renderDiff(a, item(5, a.value), options)).toBe('');
});

test('a key that was not there yet is all new', () => {
  expect(renderDiff(undefined, item(4, 'text'), options).split('\n')).toEqual([
    '--- (not there)',
    '+++ /k at revision 4, 2026-01-01T00:00:00Z',
    '+text',
  ]);
});
