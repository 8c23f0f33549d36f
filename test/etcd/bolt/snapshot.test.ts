import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crc32c } from '../../../src/etcd/bolt/crc32c.ts';
import {
  parseRevisionKey,
  revisionKey,
  type SnapshotHead,
  type SnapshotRevision,
} from '../../../src/etcd/bolt/snapshot.ts';
import { withSnapshotFile, writeSnapshotFile } from '../../../src/etcd/bolt/snapshot-file.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'klab-snapshot-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const head: SnapshotHead = {
  members: [
    {
      id: 0x8e9e05c52164694dn,
      name: 'm1',
      peerUrls: ['http://127.0.0.1:2380'],
      clientUrls: ['http://127.0.0.1:2379'],
      isLearner: false,
    },
  ],
  leases: [
    { id: 0x7fff000000000001n, ttl: 60, remainingTtl: 0 },
    { id: 5n, ttl: 3600, remainingTtl: 1800 },
  ],
  auth: [
    ['authEnabled', Buffer.of(1)],
    ['authRevision', Buffer.from('0000000000000003', 'hex')],
  ],
  users: [['root', Buffer.from('user')]],
  roles: [['root', Buffer.from('role')]],
  alarms: [Buffer.from('0801', 'hex')],
  clusterVersion: '3.5.0',
  consistentIndex: 1234,
  term: 7,
  compactRevision: 2,
};

function revisions(count: number): SnapshotRevision[] {
  const made: SnapshotRevision[] = [];
  for (let main = 2; main < 2 + count; main++) {
    const key = Buffer.from(`/registry/pods/default/web-${main % 50}`);
    const tombstone = main % 17 === 0;
    const kv = {
      key,
      value: Buffer.alloc(main % 300, 65),
      createRevision: 2,
      modRevision: main,
      version: 1 + (main % 9),
      lease: main % 13 === 0 ? 5n : 0n,
    };
    made.push({ main, sub: 0, tombstone, kv: tombstone ? { key } : kv });
    if (main % 5 === 0) made.push({ main, sub: 1, tombstone: false, kv });
  }
  return made;
}

const plain = ({ main, sub, tombstone, kv }: SnapshotRevision) => ({
  main,
  sub,
  tombstone,
  key: Buffer.from(kv.key).toString(),
  value: Buffer.from(kv.value ?? []).toString(),
  modRevision: kv.modRevision ?? 0,
  lease: Number(kv.lease ?? 0),
});

describe('a snapshot', () => {
  it('reads as it was written', async () => {
    const path = join(dir, 'round-trip.db');
    const all = revisions(3000);
    await writeSnapshotFile(path, head, all);
    withSnapshotFile(path, (snapshot) => {
      expect(snapshot.hasTrailer).toBe(true);
      expect(snapshot.verify()).toBe(true);
      const { leases, ...rest } = snapshot.head();
      expect(leases).toHaveLength(2);
      expect(leases).toEqual(expect.arrayContaining([...head.leases]));
      expect(JSON.stringify(rest, bigints)).toBe(JSON.stringify({ ...head, leases: undefined }, bigints));
      expect([...snapshot.revisions()].map(plain)).toEqual(all.map(plain));
      expect(snapshot.status()).toMatchObject({ revision: 3001, totalSize: readFileSync(path).length - 32 });
    });
  });

  it('that was touched does not verify', async () => {
    const path = join(dir, 'touched.db');
    await writeSnapshotFile(path, head, revisions(100));
    const bytes = readFileSync(path);
    bytes[bytes.length - 5000]! ^= 1;
    writeFileSync(path, bytes);
    expect(withSnapshotFile(path, (snapshot) => snapshot.verify())).toBe(false);
  });

  it('is not left half written', async () => {
    const path = join(dir, 'half.db');
    const failing = function* () {
      yield* revisions(10);
      throw new Error('the store went away');
    };
    await expect(writeSnapshotFile(path, head, failing())).rejects.toThrow('the store went away');
    expect(() => readFileSync(path)).toThrow('ENOENT');
  });

  it('of something else is refused', () => {
    const path = join(dir, 'other.db');
    writeFileSync(path, 'SQLite format 3');
    expect(() => withSnapshotFile(path, (snapshot) => snapshot.status())).toThrow('invalid database');
  });
});

it('revisions as keys sort as revisions do', () => {
  const keys = [
    revisionKey(2, 0),
    revisionKey(2, 1),
    revisionKey(2, 1, true),
    revisionKey(255, 0),
    revisionKey(256, 0),
  ];
  expect([...keys].sort(Buffer.compare)).toEqual(keys);
  expect(parseRevisionKey(revisionKey(2 ** 40, 3, true))).toEqual({ main: 2 ** 40, sub: 3, tombstone: true });
  expect(() => parseRevisionKey(Buffer.from('consistent_index'))).toThrow('is not a revision');
});

it('CRC-32C gives the published check value, in one piece or in two', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  expect(crc32c(Buffer.from('6789'), crc32c(Buffer.from('12345')))).toBe(0xe3069283);
});

function bigints(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value instanceof Uint8Array ? [...value] : value;
}
