/** `klab up --etcd-servers`: the whole control plane on Debian's etcd, alone and as three members that lose their leader. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../src/apimachinery/index.ts';
import { wallClock } from '../../src/base/index.ts';
import { type Cluster, createCluster } from '../../src/cluster/create-cluster.ts';
import { bookshop, bookshopPods, createAll, pods, readyPods } from '../cluster/lab.ts';
import { etcdInstalled, mustHave } from '../helpers/real-etcd.ts';
import { RealEtcdCluster } from '../helpers/real-etcd-cluster.ts';

const installed = mustHave('etcd', etcdInstalled);

function onEtcd(etcd: RealEtcdCluster, dir: string, flags: Record<string, string> = {}): Promise<Cluster> {
  return createCluster({
    dir,
    nodes: 1,
    api: false,
    instantContainers: true,
    flags: { ...etcd.flags, ...flags },
  });
}

async function until(what: string, done: () => boolean | Promise<boolean>, limitMs = 30_000): Promise<void> {
  const end = wallClock.monotonic() + limitMs;
  while (!(await done())) {
    if (wallClock.monotonic() > end) throw new Error(`not within ${limitMs / 1000} s: ${what}`);
    await wallClock.sleep(20);
  }
}

const raw = (cluster: Cluster, path: string, query: Record<string, string> = {}) => cluster.client.raw(path, { query });

describe.skipIf(!installed)('a control plane on a real etcd', () => {
  test('runs an application, tells who wrote what, and finds everything after a restart', async () => {
    await using etcd = await RealEtcdCluster.start(1);
    const dir = mkdtempSync(join(tmpdir(), 'klab-etcd-servers-'));
    const kv = etcd.client();
    try {
      const before = await (async () => {
        await using cluster = await onEtcd(etcd, dir);
        await createAll(cluster, bookshop());
        await until('the bookshop runs', () => readyPods(cluster) === bookshopPods);

        const pod = pods(cluster)[0]!;
        const key = `/registry/pods/default/${pod.name}`;
        const { kvs } = await kv.range({ key: Buffer.from(key) });
        expect(Buffer.from(kvs[0]!.value).toString()).toContain(pod.uid);

        const { items } = await raw(cluster, '/klab/v1/etcd/history', { key });
        expect(items.at(-1)).toMatchObject({ type: 'create', actor: 'controller:replicaset' });
        expect(items[0].revision).toBe(kvs[0]!.modRevision);
        expect(items.map(({ version }: any) => version)).toEqual(items.map((_: any, i: number) => items.length - i));

        // Another client's write: seen by all, of unknown origin.
        const other = await kv.put({ key: Buffer.from('/registry/stranger'), value: Buffer.from('x') });
        const { items: all } = await raw(cluster, '/klab/v1/etcd/changes', {
          from: String(other.header.revision - 1),
          to: String(other.header.revision),
        });
        expect(all).toMatchObject([{ key: '/registry/stranger', type: 'create' }]);
        expect(all[0]).not.toHaveProperty('actor');
        expect(all[0]).not.toHaveProperty('time');

        await expect(raw(cluster, '/klab/v1/etcd/raft/status')).rejects.toThrow(/runs on the etcd at https:/);
        expect(() => cluster.etcd).toThrow(/runs on the etcd at https:/);
        return pods(cluster).map(({ name, uid }) => ({ name, uid }));
      })();

      await using again = await onEtcd(etcd, dir);
      expect(pods(again).map(({ name, uid }) => ({ name, uid }))).toEqual(before);
      const key = `/registry/pods/default/${before[0]!.name}`;
      const { items } = await raw(again, '/klab/v1/etcd/history', { key });
      expect(items.at(-1)).toMatchObject({ type: 'create', actor: 'controller:replicaset' });
      await until('the bookshop runs again', () => readyPods(again) === bookshopPods);
    } finally {
      kv.close();
      rmSync(dir, { recursive: true, force: true });
    }
  });

  test('history goes back to the compaction, and keeps the state that was there then', async () => {
    await using etcd = await RealEtcdCluster.start(1);
    const dir = mkdtempSync(join(tmpdir(), 'klab-etcd-servers-'));
    try {
      await using cluster = await onEtcd(etcd, dir);
      const key = Buffer.from('/registry/test/one');
      const revisions: number[] = [];
      for (const value of ['a', 'b', 'c']) {
        revisions.push((await cluster.store.put({ key, value: Buffer.from(value) })).header.revision);
      }
      await cluster.store.compact(revisions[1]!);
      revisions.push((await cluster.store.deleteRange({ key })).header.revision);
      const { items } = await raw(cluster, '/klab/v1/etcd/history', { key: key.toString() });
      expect(items.map(({ revision, type }: any) => [revision, type])).toEqual([
        [revisions[3], 'delete'],
        [revisions[2], 'update'],
        [revisions[1], 'update'],
      ]);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  test('--etcd-prefix: two clusters in one etcd do not see each other', async () => {
    await using etcd = await RealEtcdCluster.start(1);
    const dirs = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'klab-etcd-servers-')));
    const kv = etcd.client();
    try {
      await using one = await onEtcd(etcd, dirs[0]!);
      await using two = await onEtcd(etcd, dirs[1]!, { 'etcd-prefix': '/second' });
      const of = (cluster: Cluster) => cluster.client.resource('configmaps').namespace('default');
      await of(two).create(counter('mine', 1));
      await expect(of(one).get('mine')).rejects.toThrow(/not found/);
      expect((await of(two).get('mine'))['data']).toEqual({ n: '1' });
      const { count } = await kv.range({ key: Buffer.from('/second/configmaps/default/mine') });
      expect(count).toBe(1);
      const { items } = await raw(two, '/klab/v1/etcd/history', { key: '/registry/configmaps/default/mine' });
      expect(items).toMatchObject([{ type: 'create', actor: 'user:kubernetes-admin' }]);
    } finally {
      kv.close();
      for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
    }
  });

  test('two servers on one etcd: one set of controllers and one scheduler work, and the other takes over', async () => {
    await using etcd = await RealEtcdCluster.start(1);
    const dirs = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'klab-etcd-servers-')));
    try {
      const one = await onEtcd(etcd, dirs[0]!);
      try {
        await until('the first leads', () => one.scheduler !== undefined);
        await using two = await createCluster({ dir: dirs[1]!, nodes: 0, api: false, flags: etcd.flags });
        const leases = two.client.resource('leases').namespace('kube-system');
        const holder = async () => ((await leases.get('kube-scheduler')) as any).spec.holderIdentity as string;
        const first = await holder();
        await createAll(two, bookshop());
        await until('the other server’s nodes run it', () => readyPods(two) === bookshopPods);
        expect(two.scheduler).toBeUndefined();
        await one.stop();
        await until('the second leads', async () => (await holder()) !== first, 40_000);
        // The lease is written first, then what it stands for is started.
        await until('its scheduler runs', () => two.scheduler !== undefined);
      } finally {
        await one.stop();
      }
    } finally {
      for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
    }
  }, 90_000);

  test('three members lose their leader under load: nothing acknowledged is lost, nothing twice, watches have no gap', async () => {
    await using etcd = await RealEtcdCluster.start(3);
    const dir = mkdtempSync(join(tmpdir(), 'klab-etcd-servers-'));
    try {
      await using cluster = await onEtcd(etcd, dir);
      const load = new Load(cluster);
      await load.start();
      await createAll(cluster, bookshop());
      await until('the load runs', () => load.acknowledged > 100);

      const leader = await etcd.leader();
      await etcd.kill(leader);
      const atKill = load.acknowledged;
      await until('writes go on', () => load.acknowledged > atKill + 200);
      await until('the bookshop runs', () => readyPods(cluster) === bookshopPods);
      etcd.run(leader);

      const follower = await etcd.leader();
      await etcd.kill(follower);
      const atSecond = load.acknowledged;
      await until('writes go on after the second', () => load.acknowledged > atSecond + 200);
      await load.stop();
      expect(load.unknown, 'the kills hit requests under way or not; most were answered').toBeLessThan(100);
      await load.check();
      expect(readyPods(cluster)).toBe(bookshopPods);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }, 120_000);
});

function counter(name: string, n: number): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { n: String(n) } } as KubeObject;
}

/** Counters counted up with optimistic locking, and one watch that must see each of their steps once, in order. */
class Load {
  static readonly writers = 8;
  acknowledged = 0;
  /** Writes whose answer was an error: they may have happened. */
  unknown = 0;
  readonly #cluster: Cluster;
  readonly #steps = Array.from({ length: Load.writers }, () => ({ acknowledged: [] as number[], attempts: 0 }));
  readonly #seen = new Map<string, number[]>();
  readonly #stop = new AbortController();
  readonly #running: Promise<void>[] = [];

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  get #configMaps() {
    return this.#cluster.client.resource('configmaps').namespace('default');
  }

  async start(): Promise<void> {
    for (let i = 0; i < Load.writers; i++) await this.#configMaps.create(counter(`counter-${i}`, 0));
    const { metadata } = await this.#configMaps.list();
    this.#running.push(this.#watch(metadata.resourceVersion!));
    for (let i = 0; i < Load.writers; i++) this.#running.push(this.#write(i));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running.slice(1));
    // The watch is let run until it has seen all that was acknowledged.
    await until('the watch sees the last step of every counter', () =>
      this.#steps.every(({ acknowledged }, i) => (this.#seen.get(`counter-${i}`)?.at(-1) ?? 0) >= acknowledged.at(-1)!),
    );
  }

  async check(): Promise<void> {
    for (const [i, { acknowledged }] of this.#steps.entries()) {
      const now = Number(((await this.#configMaps.get(`counter-${i}`)) as any).data.n);
      const steps = Array.from({ length: now }, (_, n) => n + 1);
      expect(this.#seen.get(`counter-${i}`), `steps of counter ${i} as watched`).toEqual(steps);
      expect(new Set(acknowledged).size, 'no step is acknowledged twice').toBe(acknowledged.length);
      expect(now).toBeGreaterThanOrEqual(acknowledged.at(-1)!);
      expect(now).toBeLessThanOrEqual(acknowledged.length + this.unknown);
    }
  }

  async #write(i: number): Promise<void> {
    const steps = this.#steps[i]!;
    while (!this.#stop.signal.aborted) {
      try {
        const current = (await this.#configMaps.get(`counter-${i}`)) as any;
        const n = Number(current.data.n) + 1;
        steps.attempts++;
        await this.#configMaps.update({ ...current, data: { n: String(n) } });
        steps.acknowledged.push(n);
        this.acknowledged++;
      } catch {
        this.unknown++;
        await wallClock.sleep(20);
      }
    }
  }

  /** As an informer does: a watch that ends goes on after the last revision seen. */
  async #watch(from: string): Promise<void> {
    let resourceVersion = from;
    for (;;) {
      try {
        const events = await this.#configMaps.watch({ resourceVersion, allowWatchBookmarks: true } as never);
        for await (const { type, object } of events as AsyncIterable<any>) {
          if (type === 'ERROR') throw new Error(object.message);
          resourceVersion = object.metadata.resourceVersion;
          const { name } = object.metadata;
          if (type !== 'MODIFIED' || !name?.startsWith('counter-')) continue;
          const seen = this.#seen.get(name) ?? [];
          seen.push(Number(object.data.n));
          this.#seen.set(name, seen);
        }
      } catch {
        if (this.#stop.signal.aborted && !this.#cluster.server.ready()) return;
        await wallClock.sleep(20);
      }
      if (!this.#cluster.server.ready()) return;
    }
  }
}
