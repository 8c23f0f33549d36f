/**
 * Why the database has the settings it has: serial puts of one member in process, on a database with klab's settings and on
 * others that differ in one, taking turns.
 *
 *   node test/bench/pragmas.ts
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Prng, realClock, wallClock } from '../../src/base/index.ts';
import { EtcdCluster } from '../../src/etcd/index.ts';
import { openStorage, type StorageOptions } from '../../src/sqlite/index.ts';
import { markdown, type Row, row } from './row.ts';

const turns = 12;
const turnMs = 300;
const keys = Array.from({ length: 20_000 }, (_, i) => Buffer.from(`/registry/pods/default/web-${i}`));
const value = new Uint8Array(1024).fill(120);

const others: Readonly<Record<string, Omit<StorageOptions, 'path'>>> = {
  'page_size = 4096': { pragmas: { page_size: 4096 } },
  'auto_vacuum = NONE': { pragmas: { auto_vacuum: 'NONE' } },
  'synchronous = FULL': { sync: () => {}, pragmas: { synchronous: 'FULL' } },
  'wal_autocheckpoint = 1000': { pragmas: { wal_autocheckpoint: 1000 } },
  'journal_size_limit = 0': { pragmas: { journal_size_limit: 0 } },
  'cache_size = -2000': { pragmas: { cache_size: -2000 } },
};

interface Subject {
  readonly name: string;
  readonly cluster: EtcdCluster;
  readonly prng: Prng;
  readonly latencies: number[];
}

export async function pragmas(): Promise<Row[]> {
  const dir = mkdtempSync(join(tmpdir(), 'klab-bench-pragmas-'));
  const subjects: Subject[] = [];
  try {
    for (const [name, options] of Object.entries({ klab: {}, ...others })) {
      const storage = openStorage({ path: join(dir, `${subjects.length}.db`), ...options });
      const cluster = await EtcdCluster.open({ storage, clock: realClock, prng: new Prng('pragmas') });
      while (cluster.leaderIndex() === undefined) await wallClock.sleep(10);
      subjects.push({ name, cluster, prng: new Prng('keys'), latencies: [] });
      for (let i = 0; i < keys.length; i += 100) {
        await Promise.all(keys.slice(i, i + 100).map((key) => cluster.member().put({ key, value })));
      }
    }
    for (let i = 0; i < turns; i++) for (const subject of subjects) await turn(subject);
    const [ours, ...theirs] = subjects;
    const mean = ({ latencies }: Subject) => latencies.reduce((sum, ms) => sum + ms, 0) / latencies.length;
    const p99 = ({ latencies }: Subject) => latencies.sort((a, b) => a - b)[Math.floor(latencies.length * 0.99)]!;
    return theirs.flatMap((other) => [
      row('a serial put, mean', 'ms', mean(ours!), false, { name: other.name, value: mean(other) }),
      row('a serial put, p99', 'ms', p99(ours!), false, { name: other.name, value: p99(other) }),
    ]);
  } finally {
    for (const { cluster } of subjects) await cluster.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function turn({ cluster, prng, latencies }: Subject): Promise<void> {
  const end = wallClock.monotonic() + turnMs;
  for (let now = wallClock.monotonic(); now < end; ) {
    await cluster.member().put({ key: keys[prng.int(keys.length)]!, value });
    const after = wallClock.monotonic();
    latencies.push(after - now);
    now = after;
  }
}

if (import.meta.main) process.stdout.write(`${markdown(await pragmas())}\n`);
