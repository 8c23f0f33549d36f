/** Our snapshot files before Debian's etcdctl and etcd, and theirs before us. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SnapshotRevision } from '../../src/etcd/bolt/snapshot.ts';
import { withSnapshotFile, writeSnapshotFile } from '../../src/etcd/bolt/snapshot-file.ts';
import { serveEtcd } from '../../src/etcd/index.ts';
import { testEtcd } from '../helpers/etcd.ts';
import { Etcdctl } from '../helpers/etcdctl.ts';
import { etcdctlInstalled, etcdInstalled, mustHave, startRealEtcd } from '../helpers/real-etcd.ts';

/** Membership of the restored cluster; the real etcd is then told its actual peer address by its own flags. */
const restoreFlags = [
  '--initial-cluster',
  'real=http://localhost:2380',
  '--initial-advertise-peer-urls',
  'http://localhost:2380',
];
const found = mustHave('etcdctl', etcdctlInstalled) && mustHave('etcd', etcdInstalled);

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'klab-real-snapshot-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function* revisions(count: number): Generator<SnapshotRevision> {
  for (let main = 2; main < 2 + count; main++) {
    const key = Buffer.from(`/k/${main % 500}`);
    // Some span pages.
    const value = Buffer.alloc(main % 1999 === 0 ? 20_000 : 100, 66);
    const kv = { key, value, createRevision: 2 + (main % 500), modRevision: main, version: 1 + Math.floor(main / 500) };
    const tombstone = main % 97 === 0;
    yield { main, sub: 0, tombstone, kv: tombstone ? { key } : kv };
  }
}

describe.skipIf(!found)('snapshots', () => {
  const etcdctl = new Etcdctl({ url: 'http://127.0.0.1:1' });

  test('of ours pass the real etcdctl: integrity, hash, counts, restore', async () => {
    const path = join(dir, 'ours.db');
    const member = {
      id: 0x8e9e05c52164694dn,
      name: 'm1',
      peerUrls: ['http://127.0.0.1:2380'],
      clientUrls: [],
      isLearner: false,
    };
    const head = {
      members: [member],
      leases: [{ id: 7n, ttl: 60, remainingTtl: 0 }],
      auth: [],
      users: [],
      roles: [],
      alarms: [],
    };
    await writeSnapshotFile(
      path,
      { ...head, clusterVersion: '3.4.0', consistentIndex: 20_000, term: 2, compactRevision: 0 },
      revisions(20_000),
    );
    const status = withSnapshotFile(path, (snapshot) => snapshot.status());
    expect(JSON.parse(await etcdctl.run(['snapshot', 'status', path, '-w', 'json']))).toEqual(status);
    await etcdctl.run(['snapshot', 'restore', path, '--data-dir', join(dir, 'restored')]);
    const restored = join(dir, 'restored', 'member', 'snap', 'db');
    const read = (file: string) =>
      withSnapshotFile(file, (snapshot) => [...snapshot.revisions()].map(({ main }) => main));
    expect(read(restored)).toEqual(read(path));
  });

  test('saved through our door: etcdctl checks them, a real etcd runs on them, and HashKV is the same on both', async () => {
    const { cluster, close } = await testEtcd('sqlite', { members: 3 });
    const door = await serveEtcd(cluster.member(1));
    try {
      // Without the scheme: etcdctl 3.4 sends it as `:authority` here, which is none, and node's HTTP/2 refuses it.
      const ours = new Etcdctl({ url: `${door.host}:${door.port}` });
      const hash = async (on: Etcdctl) => JSON.parse(await on.run(['endpoint', 'hashkv', '-w', 'json']))[0].HashKV;
      const plain = await startRealEtcd();
      try {
        // The same history on both: hashes agree before and after a compaction.
        const theirs = new Etcdctl({ url: plain.url });
        for (const on of [ours, theirs]) {
          for (const args of ['put a 1', 'put b 2', 'put a 3', 'del b', 'put c x']) await on.run(args.split(' '));
          await on.run(['txn'], '\nput t1 1\nput t2 2\n\n\n');
        }
        expect((await hash(ours)).hash).toBe((await hash(theirs)).hash);
        for (const on of [ours, theirs]) await on.run(['compaction', '5', '--physical']);
        const [mine, other] = [await hash(ours), await hash(theirs)];
        expect(mine.compact_revision).toBe(5);
        expect(mine.hash).toBe(other.hash);
      } finally {
        await plain.stop();
      }
      const path = join(dir, 'door.db');
      await ours.run(['snapshot', 'save', path]);
      expect(statSync(path).size % 512).toBe(32);
      const status = JSON.parse(await ours.run(['snapshot', 'status', path, '-w', 'json']));
      expect(status.revision).toBe(7);
      const data = join(dir, 'door-restored');
      await ours.run(['snapshot', 'restore', path, '--data-dir', data, '--name', 'real', ...restoreFlags]);
      const restored = await startRealEtcd(undefined, data);
      try {
        const there = new Etcdctl({ url: restored.url });
        for (const args of [
          ['get', '', '--prefix', '-w', 'fields'],
          ['get', 'b', '--rev', '5'],
          ['get', 'a', '--rev', '4'],
        ]) {
          const kvs = (text: string) => text.replaceAll(/"(ClusterID|MemberID|RaftTerm)" : \d+|^\{.*\}$/gm, '');
          expect(kvs(await there.transcript(args))).toBe(kvs(await ours.transcript(args)));
        }
      } finally {
        await restored.stop();
      }
    } finally {
      await door.close();
      await close();
    }
  }, 60_000);

  test('of a real etcd are read as etcdctl reads them', async () => {
    const etcd = await startRealEtcd();
    try {
      const real = new Etcdctl({ url: etcd.url });
      const lease = (await real.run(['lease', 'grant', '300'])).split(' ')[1]!;
      await real.run(['put', 'a', '1', '--lease', lease]);
      await real.run(['put', 'b', 'x'.repeat(9000)]);
      await real.run(['del', 'a']);
      const path = join(dir, 'theirs.db');
      await real.run(['snapshot', 'save', path]);
      const told = JSON.parse(await real.run(['snapshot', 'status', path, '-w', 'json']));
      withSnapshotFile(path, (snapshot) => {
        expect(snapshot.status()).toEqual(told);
        expect(snapshot.verify()).toBe(true);
        const { leases, members } = snapshot.head();
        expect(leases.map(({ id, ttl }) => [id.toString(16).padStart(16, '0'), ttl])).toEqual([[lease, 300]]);
        expect(members.map(({ name }) => name)).toEqual(['real']);
        expect(
          [...snapshot.revisions()].map(({ main, tombstone, kv }) => [main, tombstone, Buffer.from(kv.key).toString()]),
        ).toEqual([
          [2, false, 'a'],
          [3, false, 'b'],
          [4, true, 'a'],
        ]);
      });
    } finally {
      await etcd.stop();
    }
  });
});
