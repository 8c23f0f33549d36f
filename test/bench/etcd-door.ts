/**
 * Durable puts over gRPC: our etcd door on SQLite, and Debian's etcd in the same run where it is installed. The client
 * is the same code, servers run in processes of their own, everything over TLS with client certificates.
 * Run alone: `node test/bench/etcd-door.ts`.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { wallClock } from '../../src/base/index.ts';
import { RemoteKV } from '../../src/etcd/index.ts';
import { type ClusterPki, ensureClusterPki } from '../../src/pki/index.ts';
import { clientTls, etcdInstalled, startRealEtcd } from '../helpers/real-etcd.ts';
import { markdown, type Row, row } from './row.ts';

const inFlight = [1, 32, 256];
const slices = 4;
const secondsPerSlice = 0.75;
const valueBytes = 1024;

interface Measured {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

export async function bench(): Promise<Row[]> {
  const dir = mkdtempSync(join(tmpdir(), 'klab-bench-'));
  const pki = ensureClusterPki(join(dir, 'pki'), { hosts: [], now: wallClock.now() });
  const servers: { url: string; stop: () => Promise<void> }[] = [];
  try {
    servers.push(await startOurs(dir));
    if (etcdInstalled) servers.push(await startRealEtcd(pki));
    const [klab, peer] = await measureAll(
      servers.map(({ url }) => url),
      pki,
    );
    return rows(klab!, peer);
  } finally {
    for (const { stop } of servers) await stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The servers in turns, in short slices, so that whatever else the machine does falls on all of them. */
async function measureAll(urls: readonly string[], pki: ClusterPki): Promise<Measured[][]> {
  const clients = urls.map((url) => new RemoteKV({ endpoints: [url], tls: clientTls(pki) }));
  try {
    for (const kv of clients) await slice(kv, 32, 1);
    const measured: Measured[][] = clients.map(() => []);
    for (const n of inFlight) {
      const latencies: number[][] = clients.map(() => []);
      for (let i = 0; i < slices; i++) {
        for (const [at, kv] of clients.entries()) latencies[at]!.push(...(await slice(kv, n, secondsPerSlice)));
      }
      for (const [at, all] of latencies.entries()) measured[at]!.push(summary(all, n));
    }
    return measured;
  } finally {
    for (const kv of clients) kv.close();
  }
}

/** Puts of 1 KiB over a thousand keys, `n` at a time; how long each took, ms. */
async function slice(kv: RemoteKV, n: number, seconds: number): Promise<number[]> {
  const value = new Uint8Array(valueBytes).fill(120);
  const keys = Array.from({ length: 1000 }, (_, i) => Buffer.from(`/registry/pods/default/web-${i}`));
  const latencies: number[] = [];
  const end = wallClock.monotonic() + seconds * 1000;
  let i = 0;
  const writer = async () => {
    for (let now = wallClock.monotonic(); now < end; ) {
      await kv.put({ key: keys[i++ % keys.length]!, value });
      const after = wallClock.monotonic();
      latencies.push(after - now);
      now = after;
    }
  };
  await Promise.all(Array.from({ length: n }, writer));
  return latencies;
}

function summary(latencies: number[], n: number): Measured {
  latencies.sort((a, b) => a - b);
  const quantile = (q: number) => latencies[Math.floor(latencies.length * q)] ?? 0;
  // Each of the n writers is always waiting for one answer.
  const perSecond = (n * 1000 * latencies.length) / latencies.reduce((sum, ms) => sum + ms, 0);
  return { perSecond, p50: quantile(0.5), p99: quantile(0.99) };
}

function rows(klab: readonly Measured[], peer?: readonly Measured[]): Row[] {
  const line = (name: string, unit: string, of: (m: Measured) => number, i: number, moreIsBetter: boolean) =>
    row(name, unit, of(klab[i]!), moreIsBetter, peer && { name: 'etcd', value: of(peer[i]!) });
  return [
    ...inFlight.map((n, i) => line(`etcd door: durable puts, ${n} in flight`, '1/s', (m) => m.perSecond, i, true)),
    line('etcd door: serial put, p50', 'ms', (m) => m.p50, 0, false),
    line('etcd door: serial put, p99', 'ms', (m) => m.p99, 0, false),
  ];
}

/** Our member with its door, in a process of its own. */
async function startOurs(dir: string): Promise<{ url: string; stop: () => Promise<void> }> {
  const script = new URL('./etcd-door-server.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, dir], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (line: Buffer) => resolve(line.toString().trim()));
    child.once('exit', (code) => reject(new Error(`the server of the benchmark ended with code ${code}`)));
  });
  return {
    url,
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

if (import.meta.main) process.stdout.write(`${markdown(await bench())}\n`);
