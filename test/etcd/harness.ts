import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Prng, VirtualClock } from '../../src/base/index.ts';
import {
  type ClusterStorage,
  EtcdCluster,
  type EtcdClusterOptions,
  type EtcdServerApi,
  memoryStorage,
} from '../../src/etcd/index.ts';

export const b = (text: string) => Buffer.from(text);
export const all = { key: Buffer.of(0), rangeEnd: Buffer.of(0) };

export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'klab-etcd-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export interface Lab {
  readonly cluster: EtcdCluster;
  readonly clock: VirtualClock;
  /** Members, 0-based. */
  readonly m: readonly EtcdServerApi[];
}

/** A cluster on a virtual clock, closed with the test. */
export async function lab(options: Partial<EtcdClusterOptions> & { seed?: string } = {}): Promise<Lab> {
  const clock = (options.clock as VirtualClock) ?? new VirtualClock({ startMs: Date.UTC(2026, 0, 1) });
  const storage: ClusterStorage = options.storage ?? memoryStorage();
  const prng = new Prng(options.seed ?? 'etcd');
  const cluster = await EtcdCluster.open({ storage, prng, ...options, clock });
  onTestFinished(() => cluster.close());
  return { cluster, clock, m: Array.from({ length: cluster.size }, (_, i) => cluster.member(i)) };
}

/** Lets virtual time pass until a promise settles; gives what it gave. */
export async function settle<T>(clock: VirtualClock, promise: Promise<T>, limitMs = 60_000): Promise<T> {
  let done = false;
  const mark = () => {
    done = true;
  };
  promise.then(mark, mark);
  if (!(await clock.advanceUntil(() => done, limitMs))) throw new Error(`nothing after ${limitMs} ms`);
  return await promise;
}

export async function keys(member: EtcdServerApi, serializable = true): Promise<string[]> {
  const { kvs } = await member.range({ ...all, serializable });
  return kvs.map((kv) => `${kv.key}=${kv.value}`);
}

export async function leaderOf({ cluster, clock }: Lab): Promise<number> {
  await clock.advanceUntil(() => cluster.leaderIndex() !== undefined, 30_000);
  return cluster.leaderIndex()!;
}
