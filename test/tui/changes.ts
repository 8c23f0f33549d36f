/** Changes as a watch of pods brings them. */
import type { WatchChange } from '../../src/cli/index.ts';

const columns = [
  { name: 'Name', type: 'string', format: 'name' },
  { name: 'Ready', type: 'string' },
  { name: 'Status', type: 'string' },
  { name: 'Age', type: 'string' },
];
export const born = Date.UTC(2026, 10, 22, 12, 0, 0);

export function change(
  type: 'ADDED' | 'MODIFIED' | 'DELETED',
  name: string,
  ready = '1/1',
  status = 'Running',
): WatchChange {
  const metadata = { name, namespace: 'default', uid: `uid-${name}`, creationTimestamp: new Date(born).toISOString() };
  return { type, columns, row: { cells: [name, ready, status, '0s'], object: { metadata } } };
}
