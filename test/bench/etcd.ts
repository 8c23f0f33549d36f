/**
 * What a client sees of the store: our etcd on SQLite and Debian's etcd in the same run, by the same client over TLS
 * with client certificates, with 1 and with 3 members. Our members share one process; etcd's have one each.
 *
 *   node test/bench/etcd.ts
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { wallClock } from '../../src/base/index.ts';
import { RemoteKV } from '../../src/etcd/index.ts';
import { ensureClusterPki } from '../../src/pki/index.ts';
import { clientTls, etcdInstalled } from '../helpers/real-etcd.ts';
import { RealEtcdCluster } from '../helpers/real-etcd-cluster.ts';
import { markdown, type Row, row } from './row.ts';

/** Each server in turns, so that whatever else the machine does falls on all of them. */
const secondsPerSlice = 0.5;
/** Turns of each for a rate, and for a latency: of a p99, a hundred of the slowest puts and more are wanted. */
const rateSlices = 4;
const latencySlices = 24;
/** V8 compiles what runs often, for longer than a client waits: a server that has run for a while is what is compared. */
const warmUpSeconds = { 32: 5, 1: 10 };
/** And before each kind of request, for that one. */
const warmUpOfEach = 2;
const keys = Array.from({ length: 1000 }, (_, i) => Buffer.from(`/registry/pods/default/web-${i}`));
const all = { key: Buffer.from('/registry/pods/'), rangeEnd: Buffer.from('/registry/pods0') };

interface Subject {
  readonly kv: RemoteKV;
  /** Newest revision of each key, for compare-and-put. */
  readonly revisions: number[];
}

type Work = (subject: Subject, i: number) => Promise<unknown>;

const put =
  (bytes: number): Work =>
  ({ kv }, i) =>
    kv.put({ key: keys[i % keys.length]!, value: new Uint8Array(bytes).fill(120) });

/** As the API server updates: put if nobody else did, else read. */
const compareAndPut: Work = async ({ kv, revisions }, i) => {
  const at = i % keys.length;
  const [key, modRevision] = [keys[at]!, revisions[at] ?? 0];
  const response = await kv.txn({
    compare: [{ target: 'mod', key, result: 'equal', modRevision }],
    success: [{ op: 'put', put: { key, value: new Uint8Array(1024).fill(121) } }],
    failure: [{ op: 'range', range: { key } }],
  });
  const [answer] = response.responses;
  revisions[at] = answer?.op === 'range' ? answer.range.kvs[0]!.modRevision : response.header.revision;
};

const read: Work = ({ kv }, i) => kv.range({ key: keys[i % keys.length]! });
const list: Work = ({ kv }) => kv.range(all);

export async function bench(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const members of [1, 3]) rows.push(...(await benchMembers(members)));
  return rows;
}

async function benchMembers(members: number): Promise<Row[]> {
  const dir = mkdtempSync(join(tmpdir(), 'klab-bench-'));
  const peer = etcdInstalled ? await RealEtcdCluster.start(members) : undefined;
  const ours = await startOurs(dir, members);
  const tls = clientTls(ensureClusterPki(join(dir, 'pki'), { hosts: [], now: wallClock.now() }));
  const of = (kv: RemoteKV): Subject => ({ kv, revisions: [] });
  const subjects = [of(new RemoteKV({ endpoints: [ours.urls[0]!], tls })), ...(peer ? [of(await leaderOf(peer))] : [])];
  const rows: Row[] = [];
  const named = (what: string) => `${members} member${members > 1 ? 's' : ''}: ${what}`;
  const add = (what: string, unit: string, values: readonly number[], moreIsBetter: boolean) => {
    const other = values[1] === undefined ? undefined : { name: 'etcd', value: values[1] };
    rows.push(row(named(what), unit, values[0]!, moreIsBetter, other));
  };
  const measure = async (what: string, work: Work, inFlight: number, latencies = false) => {
    for (const subject of subjects) await slice(subject, work, inFlight, warmUpOfEach);
    const found = await inTurns(subjects, work, inFlight, latencies ? latencySlices : rateSlices);
    add(
      `${what}, ${inFlight} in flight`,
      '1/s',
      found.map(({ perSecond }) => perSecond),
      true,
    );
    if (!latencies) return;
    add(
      `${what}, p50`,
      'ms',
      found.map(({ p50 }) => p50),
      false,
    );
    add(
      `${what}, p99`,
      'ms',
      found.map(({ p99 }) => p99),
      false,
    );
  };
  try {
    for (const inFlight of [32, 1] as const) {
      for (const subject of subjects) await slice(subject, put(1024), inFlight, warmUpSeconds[inFlight]);
    }
    await measure('puts of 256 B', put(256), 1, true);
    await measure('puts of 1 KiB', put(1024), 1, true);
    await measure('puts of 1 KiB', put(1024), 32);
    await measure('puts of 1 KiB', put(1024), 256);
    await measure('compare-and-put', compareAndPut, 32);
    await measure('linearizable reads', read, 32);
    await measure('ranges of 1,000 keys', list, 1);
    for (const watchers of members === 1 ? [1, 1000] : [1]) {
      const found: number[] = [];
      for (const { kv } of subjects) found.push(await watchLatency(kv, watchers));
      add(`put until all of ${watchers} watchers have it, p50`, 'ms', found, false);
    }
  } finally {
    for (const { kv } of subjects) kv.close();
    const delay = await ours.stop();
    rows.push({ name: named("event loop's delay in all of this, p99"), unit: 'ms', klab: delay });
    await peer?.[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true });
  }
  return rows;
}

/** Both are asked at their leader. */
async function leaderOf(peer: RealEtcdCluster): Promise<RemoteKV> {
  return new RemoteKV({ endpoints: [peer.urls[await peer.leader()]!], tls: clientTls(peer.pki) });
}

interface Measured {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

async function inTurns(
  subjects: readonly Subject[],
  work: Work,
  inFlight: number,
  slices: number,
): Promise<Measured[]> {
  const latencies: number[][] = subjects.map(() => []);
  for (let i = 0; i < slices; i++) {
    for (const [at, subject] of subjects.entries()) {
      latencies[at]!.push(...(await slice(subject, work, inFlight, secondsPerSlice)));
    }
  }
  return latencies.map((found) => {
    found.sort((a, b) => a - b);
    const quantile = (q: number) => found[Math.floor(found.length * q)] ?? 0;
    // Each of those in flight always waits for one answer.
    const perSecond = (inFlight * 1000 * found.length) / found.reduce((sum, ms) => sum + ms, 0);
    return { perSecond, p50: quantile(0.5), p99: quantile(0.99) };
  });
}

/** How long each call took, ms. */
async function slice(subject: Subject, work: Work, inFlight: number, seconds: number): Promise<number[]> {
  const latencies: number[] = [];
  const end = wallClock.monotonic() + seconds * 1000;
  let i = 0;
  const caller = async () => {
    for (let now = wallClock.monotonic(); now < end; ) {
      await work(subject, i++);
      const after = wallClock.monotonic();
      latencies.push(after - now);
      now = after;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  return latencies;
}

/** From the call of put until the last of `n` watchers has the event: the median, ms. */
async function watchLatency(kv: RemoteKV, n: number): Promise<number> {
  const key = Buffer.from('/registry/watched');
  const streams = Array.from({ length: n }, () => kv.watch({ key }));
  const readers = streams.map((stream) => stream[Symbol.asyncIterator]());
  await Promise.all(readers.map((reader) => reader.next()));
  const found: number[] = [];
  for (let i = 0; i < (n === 1 ? 1000 : 20); i++) {
    const seen = Promise.all(readers.map((reader) => reader.next()));
    const start = wallClock.monotonic();
    await Promise.all([kv.put({ key, value: Buffer.from(String(i)) }), seen]);
    found.push(wallClock.monotonic() - start);
  }
  for (const stream of streams) stream.cancel();
  return found.sort((a, b) => a - b)[found.length >> 1]!;
}

/** Our members with their doors, in a process of their own; the first leads. */
async function startOurs(dir: string, members: number): Promise<{ urls: string[]; stop: () => Promise<number> }> {
  const script = new URL('./etcd-door-server.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, dir, String(members)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const lines: string[] = [];
  const first = new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (text: Buffer) => {
      lines.push(...text.toString().trim().split('\n'));
      resolve();
    });
    child.once('exit', (code) => reject(new Error(`the server of the benchmark ended with code ${code}`)));
  });
  await first;
  return {
    urls: lines[0]!.split(','),
    stop: async () => {
      child.stdin.end();
      await ended;
      return Number(lines[1]);
    },
  };
}

if (import.meta.main) process.stdout.write(`${markdown(await bench())}\n`);
