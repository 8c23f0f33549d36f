/**
 * What etcd keeps in its bbolt database, bucket by bucket, and the trailer that makes a file of it a snapshot.
 * Upstream: server/storage/schema/*.go, server/storage/mvcc/{revision,kvstore}.go, etcdutl/snapshot (3.5).
 */
import { createHash } from 'node:crypto';
import { KeyValue } from '../v3/messages.ts';
import { crc32c } from './crc32c.ts';
import { BoltError } from './format.ts';
import { BoltReader } from './reader.ts';
import { BoltWriter, type BucketWriter } from './writer.ts';

/** One revision of one key. */
export interface SnapshotRevision {
  readonly main: number;
  /** Place within its transaction. */
  readonly sub: number;
  /** The key was deleted: `kv` has nothing but the key. */
  readonly tombstone: boolean;
  readonly kv: {
    readonly key: Uint8Array;
    readonly value?: Uint8Array;
    readonly createRevision?: number;
    readonly modRevision?: number;
    readonly version?: number;
    readonly lease?: bigint | number;
  };
}

export interface SnapshotLease {
  readonly id: bigint;
  /** Granted seconds. */
  readonly ttl: number;
  /** Seconds left at the last checkpoint; 0 = none was made. */
  readonly remainingTtl: number;
}

export interface SnapshotMember {
  readonly id: bigint;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

/** Names (of users, roles, settings) with etcd's encoded message of each. */
export type NamedBytes = readonly (readonly [name: string, value: Uint8Array])[];

/** Everything but the revisions. */
export interface SnapshotHead {
  readonly members: readonly SnapshotMember[];
  readonly leases: readonly SnapshotLease[];
  /** `authEnabled` (one byte) and `authRevision` (eight, big-endian). */
  readonly auth: NamedBytes;
  readonly users: NamedBytes;
  readonly roles: NamedBytes;
  /** Encoded AlarmMembers. */
  readonly alarms: readonly Uint8Array[];
  /** `3.5.0`. */
  readonly clusterVersion: string;
  /** Raft index and term of the last entry applied. */
  readonly consistentIndex: number;
  readonly term: number;
  /** 0 = never compacted. */
  readonly compactRevision: number;
}

const none = Buffer.alloc(0);
const separator = 0x5f;
const tombstoneMark = 0x74;

/** `<main>_<sub>` in big-endian, and a `t` for deletions: sorts by revision. */
export function revisionKey(main: number, sub: number, tombstone = false): Buffer {
  const key = Buffer.alloc(tombstone ? 18 : 17);
  key.writeBigUInt64BE(BigInt(main), 0);
  key[8] = separator;
  key.writeBigUInt64BE(BigInt(sub), 9);
  if (tombstone) key[17] = tombstoneMark;
  return key;
}

/** @throws BoltError */
export function parseRevisionKey(key: Buffer): { main: number; sub: number; tombstone: boolean } {
  const tombstone = key.length === 18 && key[17] === tombstoneMark;
  if ((key.length !== 17 && !tombstone) || key[8] !== separator) {
    throw new BoltError(`${key.toString('hex')} is not a revision`);
  }
  return { main: Number(key.readBigUInt64BE(0)), sub: Number(key.readBigUInt64BE(9)), tombstone };
}

function u64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
}

/** Writes etcd's database: revisions one by one in order, everything else from the head. */
export class SnapshotWriter {
  readonly #bolt: BoltWriter;
  readonly #head: SnapshotHead;
  readonly #key: BucketWriter;

  /** @param out takes the pages from the third on, see BoltWriter. */
  constructor(out: (pages: Uint8Array) => void, head: SnapshotHead) {
    this.#bolt = new BoltWriter(out);
    this.#head = head;
    this.#bucket(
      'alarm',
      head.alarms.map((alarm) => [Buffer.from(alarm), none]),
    );
    this.#bucket('auth', named(head.auth));
    this.#bucket('authRoles', named(head.roles));
    this.#bucket('authUsers', named(head.users));
    this.#bucket('cluster', [[Buffer.from('clusterVersion'), Buffer.from(head.clusterVersion)]]);
    this.#key = this.#bolt.bucket('key');
  }

  add({ main, sub, tombstone, kv }: SnapshotRevision): void {
    this.#key.add(revisionKey(main, sub, tombstone), KeyValue.encode(tombstone ? { key: kv.key } : kv));
  }

  /** The first two pages. */
  finish(): Uint8Array {
    this.#key.end();
    const { leases, members, consistentIndex, term, compactRevision } = this.#head;
    this.#bucket(
      'lease',
      leases.map(({ id, ttl, remainingTtl }) => [u64(id), encodeLease(id, ttl, remainingTtl)]),
    );
    this.#bucket(
      'members',
      members.map((member) => [Buffer.from(member.id.toString(16)), encodeMember(member)]),
    );
    this.#bucket('members_removed', []);
    const compacted = revisionKey(compactRevision, 0);
    this.#bucket('meta', [
      [Buffer.from('consistent_index'), u64(consistentIndex)],
      [Buffer.from('term'), u64(term)],
      ...(compactRevision > 0
        ? ([
            [Buffer.from('finishedCompactRev'), compacted],
            [Buffer.from('scheduledCompactRev'), compacted],
          ] as const)
        : []),
    ]);
    return this.#bolt.finish();
  }

  #bucket(name: string, entries: readonly (readonly [Buffer, Uint8Array])[]): void {
    const bucket = this.#bolt.bucket(name);
    for (const [key, value] of [...entries].sort(([a], [b]) => Buffer.compare(a, b))) bucket.add(key, value);
    bucket.end();
  }
}

function named(entries: NamedBytes): [Buffer, Uint8Array][] {
  return entries.map(([name, value]) => [Buffer.from(name), value]);
}

/** leasepb.Lease: ID, TTL, RemainingTTL as varints. */
function encodeLease(id: bigint, ttl: number, remainingTtl: number): Buffer {
  const out: number[] = [];
  const field = (number: number, value: bigint) => {
    if (value === 0n) return;
    out.push(number << 3);
    let rest = BigInt.asUintN(64, value);
    for (; rest > 0x7fn; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80);
    out.push(Number(rest));
  };
  field(1, id);
  field(2, BigInt(ttl));
  field(3, BigInt(remainingTtl));
  return Buffer.from(out);
}

function decodeLease(bytes: Buffer): SnapshotLease {
  const fields = [0n, 0n, 0n, 0n];
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; at < bytes.length; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new BoltError('a lease is cut off');
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    if ((tag & 7) !== 0) throw new BoltError('a lease has a field that is no number');
    fields[tag >> 3] = varint();
  }
  return { id: BigInt.asIntN(64, fields[1]!), ttl: Number(fields[2]), remainingTtl: Number(fields[3]) };
}

/** As Go's encoding/json writes etcd's Member: ids are numbers beyond what JSON.stringify can write. */
function encodeMember({ id, name, peerUrls, clientUrls, isLearner }: SnapshotMember): Buffer {
  const fields = [
    `"id":${BigInt.asUintN(64, id)}`,
    `"peerURLs":${JSON.stringify(peerUrls)}`,
    ...(isLearner ? ['"isLearner":true'] : []),
    ...(name === '' ? [] : [`"name":${JSON.stringify(name)}`]),
    ...(clientUrls.length === 0 ? [] : [`"clientURLs":${JSON.stringify(clientUrls)}`]),
  ];
  return Buffer.from(`{${fields.join(',')}}`);
}

function decodeMember(key: Buffer, value: Buffer): SnapshotMember {
  const { name = '', peerURLs = [], clientURLs = [], isLearner = false } = JSON.parse(value.toString());
  return { id: BigInt(`0x${key.toString()}`), name, peerUrls: peerURLs, clientUrls: clientURLs, isLearner };
}

/** Length of the SHA-256 that follows the database. */
export const trailerSize = 32;

export interface SnapshotStatus {
  /** CRC-32C over all buckets, keys and values, as `etcdctl snapshot status` shows it. */
  readonly hash: number;
  /** The newest revision. */
  readonly revision: number;
  /** Entries of all buckets, as etcdctl counts. */
  readonly totalKey: number;
  /** Bytes of the database, without the trailer. */
  readonly totalSize: number;
}

/** A snapshot, or the database file of a real etcd (`member/snap/db`), which has no trailer. */
export class SnapshotReader {
  readonly #read: (offset: number, length: number) => Buffer;
  readonly #bolt: BoltReader;
  readonly #fileSize: number;

  /** @throws BoltError */
  constructor(read: (offset: number, length: number) => Buffer, fileSize: number) {
    this.#read = read;
    this.#fileSize = fileSize;
    this.#bolt = new BoltReader(read);
    if (!this.#bolt.buckets.includes('key'))
      throw new BoltError('this bbolt database is not one of etcd: no bucket "key"');
  }

  /** Pages come in multiples of 512 bytes: what is over is the trailer. */
  get hasTrailer(): boolean {
    return this.#fileSize % 512 === trailerSize;
  }

  /** Whether the trailer is the SHA-256 of what stands before it. */
  verify(): boolean {
    const size = this.#fileSize - trailerSize;
    const hash = createHash('sha256');
    const step = 1 << 20;
    for (let at = 0; at < size; at += step) hash.update(this.#read(at, Math.min(step, size - at)));
    return hash.digest().equals(this.#read(size, trailerSize));
  }

  status(): SnapshotStatus {
    let crc = 0;
    let totalKey = 0;
    let revision = 0;
    for (const name of this.#bolt.buckets) {
      crc = crc32c(Buffer.from(name), crc);
      for (const { key, value } of this.#bolt.entries(name)) {
        crc = crc32c(value, crc32c(key, crc));
        totalKey++;
        if (name === 'key') revision = parseRevisionKey(key).main;
      }
    }
    return { hash: crc, revision, totalKey, totalSize: this.#bolt.size };
  }

  head(): SnapshotHead {
    const raw = (bucket: string) => [...this.#bolt.entries(bucket)];
    const namedOf = (bucket: string) =>
      raw(bucket).map(({ key, value }) => [key.toString(), Buffer.from(value)] as const);
    const meta = new Map(raw('meta').map(({ key, value }) => [key.toString(), value]));
    const number = (name: string) => {
      const bytes = meta.get(name);
      return bytes && bytes.length >= 8 ? Number(bytes.readBigUInt64BE(0)) : 0;
    };
    return {
      members: raw('members').map(({ key, value }) => decodeMember(key, value)),
      leases: raw('lease').map(({ value }) => decodeLease(value)),
      auth: namedOf('auth'),
      users: namedOf('authUsers'),
      roles: namedOf('authRoles'),
      alarms: raw('alarm').map(({ key }) => Buffer.from(key)),
      clusterVersion: raw('cluster')[0]?.value.toString() ?? '',
      consistentIndex: number('consistent_index'),
      term: number('term'),
      compactRevision: number('finishedCompactRev'),
    };
  }

  /** In order. Values are copies. */
  *revisions(): Generator<SnapshotRevision> {
    for (const { key, value } of this.#bolt.entries('key'))
      yield { ...parseRevisionKey(key), kv: KeyValue.decode(value) };
  }
}
