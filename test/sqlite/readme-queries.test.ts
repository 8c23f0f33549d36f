/** The queries that the room's README shows a learner run on a real database, and answer something. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Prng, VirtualClock } from '../../src/base/index.ts';
import { EtcdCluster } from '../../src/etcd/index.ts';
import { openStorage } from '../../src/sqlite/index.ts';

const readme = readFileSync(join(import.meta.dirname, '../../src/sqlite/README.md'), 'utf8');
const block = /```sql\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
const queries = block
  .split(';\n')
  .map((text) => text.trim())
  .filter((text) => text !== '');

let dir: string;
let db: Sqlite.Database;
let cluster: EtcdCluster;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'klab-readme-'));
  const path = join(dir, 'cluster.db');
  const clock = new VirtualClock({ startMs: Date.UTC(2026, 0, 1) });
  cluster = await EtcdCluster.open({ storage: openStorage({ path }), clock, prng: new Prng('readme') });
  const provenance = { actor: 'jane', agent: 'kubectl' };
  for (const value of ['1', '2']) {
    await cluster
      .member()
      .put({ key: Buffer.from('/registry/pods/default/web'), value: Buffer.from(value) }, { provenance });
  }
  // As sqlite3 does beside a server that runs.
  db = new Sqlite(path, { readonly: true });
});
afterAll(async () => {
  db.close();
  await cluster.close();
  rmSync(dir, { recursive: true, force: true });
});

test('there are queries to try', () => {
  expect(queries.length).toBeGreaterThanOrEqual(6);
});

test.each(queries)('%s', (query) => {
  expect(db.prepare(query).all().length).toBeGreaterThan(0);
});
