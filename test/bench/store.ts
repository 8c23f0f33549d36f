/**
 * The store alone, in process, on disk: durable transactions a second, watch latency, time to open a grown store.
 *
 *   node test/bench/store.ts
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Prng, realClock } from '../../src/base/index.ts';
import { EtcdCluster, type EtcdServerApi } from '../../src/etcd/index.ts';
import { openStorage } from '../../src/sqlite/index.ts';
import { markdown, type Row } from './row.ts';

const provenance = { actor: 'bench', agent: 'bench/1' };
const value = Buffer.alloc(1024, 'v');

function open(path: string, members = 1): Promise<EtcdCluster> {
  return EtcdCluster.open({ storage: openStorage({ path }), clock: realClock, prng: new Prng('bench'), members });
}

/** The transaction an API server makes for an update: compare, put, or read what is there. */
async function write(member: EtcdServerApi, key: Buffer): Promise<void> {
  await member.txn(
    {
      compare: [{ key, target: 'mod', modRevision: 0, result: 'equal' }],
      success: [{ op: 'put', put: { key, value } }],
      failure: [{ op: 'range', range: { key } }],
    },
    { provenance },
  );
}

async function throughput(member: EtcdServerApi, lanes: number, total: number, prefix: string): Promise<number> {
  let next = 0;
  const start = performance.now();
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      while (next < total) await write(member, Buffer.from(`/registry/pods/default/${prefix}-${next++}`));
    }),
  );
  return (total / (performance.now() - start)) * 1000;
}

/** Milliseconds from the call of put to the event in a watcher's hands; sorted. */
async function watchLatency(member: EtcdServerApi, n: number): Promise<number[]> {
  const key = Buffer.from('/registry/watched');
  const watcher = member.watch({ key });
  const iterator = watcher[Symbol.asyncIterator]();
  await iterator.next();
  const out: number[] = [];
  for (let i = 0; i < n; i++) {
    const start = performance.now();
    const done = member.put({ key, value });
    await iterator.next();
    out.push(performance.now() - start);
    await done;
  }
  watcher.cancel();
  return out.sort((a, b) => a - b);
}

export async function bench(options: { scale?: number } = {}): Promise<Row[]> {
  const scale = options.scale ?? 1;
  const dir = mkdtempSync(join(tmpdir(), 'klab-bench-'));
  const rows: Row[] = [];
  try {
    for (const members of [1, 3]) {
      const cluster = await open(join(dir, `m${members}.db`), members);
      const member = cluster.member(cluster.leaderIndex());
      await throughput(member, 32, 500, 'warm');
      for (const [lanes, total] of [
        [1, 1_000],
        [32, 10_000],
        [256, 10_000],
      ] as const) {
        const perSecond = await throughput(member, lanes, total * scale, `lanes${lanes}`);
        const name = `store txn, ${members} member${members > 1 ? 's' : ''}, ${lanes} in flight`;
        rows.push({ name, unit: 'txn/s', klab: Math.round(perSecond) });
      }
      const latency = await watchLatency(member, 300);
      for (const [what, share] of [
        ['p50', 0.5],
        ['p99', 0.99],
      ] as const) {
        const ms = latency[Math.floor(latency.length * share)]!;
        rows.push({ name: `store put → watch event, ${members} members, ${what}`, unit: 'ms', klab: round(ms) });
      }
      await cluster.close();
    }
    rows.push(...(await reopen(join(dir, 'grown.db'), 100_000 * scale)));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  return rows;
}

/** A store with `revisions` revisions on half as many keys, opened again. */
async function reopen(path: string, revisions: number): Promise<Row[]> {
  const cluster = await open(path);
  const member = cluster.member();
  let next = 0;
  await Promise.all(
    Array.from({ length: 256 }, async () => {
      while (next < revisions) {
        const key = Buffer.from(`/registry/pods/ns-${next % 100}/pod-${next++ % (revisions / 2)}`);
        await member.put({ key, value: value.subarray(0, 256) }, { provenance });
      }
    }),
  );
  const start = performance.now();
  const { count } = await member.range({ key: Buffer.from('/registry/'), rangeEnd: Buffer.from('/registry0') });
  const list = performance.now() - start;
  await cluster.close();
  const opening = performance.now();
  const again = await open(path);
  const opened = performance.now() - opening;
  await again.close();
  return [
    { name: `store open, ${revisions} revisions, ${count} keys`, unit: 'ms', klab: round(opened) },
    { name: `store list of ${count} keys`, unit: 'ms', klab: round(list) },
    {
      name: `store file, ${revisions} revisions of 256 bytes`,
      unit: 'MiB',
      klab: round(statSync(path).size / 2 ** 20),
    },
  ];
}

function round(n: number): number {
  return Math.round(n * 100) / 100;
}

if (import.meta.main) process.stdout.write(`${markdown(await bench())}\n`);
