/**
 * Every kind that can be served, and what becomes of its objects. A kind that nothing acts on is warned of when it is
 * created and says so in `klab describe`; both read `idle`, which the page beside keeps true.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { allResources } from '../../src/api/index.ts';
import { packageRoot } from '../../src/base/index.ts';
import { acts, stored } from './acts.ts';

const kinds = [...new Map(allResources.map((row) => [`${row.kind}.${row.group}`, row])).entries()];

describe('every kind that can be served', () => {
  it('has its place on the page, and only one', () => {
    expect(Object.keys(stored).filter((kind) => kind in acts)).toEqual([]);
    expect([...Object.keys(stored), ...Object.keys(acts)].sort()).toEqual(kinds.map(([kind]) => kind).sort());
  });

  it.each(kinds)('%s', (kind) => {
    const rows = allResources.filter((row) => `${row.kind}.${row.group}` === kind);
    expect(rows.map(({ version, idle }) => [version, idle])).toEqual(
      rows.map(({ version }) => [version, stored[kind]]),
    );
  });

  it('names controllers that exist', () => {
    const folders = new Set(readdirSync(join(packageRoot(), 'src/controllers')));
    const others = new Set([
      'the server, at once',
      'kubelets',
      'its readers',
      'admission',
      'the scheduler',
      'as upstream: data',
      'the proxy',
      'DNS',
      'authentication',
      'authorization',
      'those who elect',
      'evictions',
      'the simulated pod network',
    ]);
    const parts = Object.values(acts).flatMap((text) => (others.has(text) ? [text] : text.split(', ')));
    const unknown = parts.filter(
      (part) =>
        !others.has(part) &&
        !folders.has(part) &&
        !/^(the server|the scheduler|admission):? |^the server’s /.test(part),
    );
    expect(unknown).toEqual([]);
  });
});
