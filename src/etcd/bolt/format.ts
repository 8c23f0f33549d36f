/**
 * The file format of bbolt, as far as a database with plain buckets needs it. All numbers are little-endian.
 * Upstream: go.etcd.io/bbolt (page.go, db.go, bucket.go), format version 2.
 *
 * A file is an array of pages; a page is a header of 16 bytes (id, flags, count, overflow) and its elements:
 *   leaf    count × {flags, pos, ksize, vsize}, then keys and values; `pos` counts from the element itself
 *   branch  count × {pos, ksize, pgid}, then the first keys of the children
 *   meta    pages 0 and 1: the newer one that is whole names the root, the free list and how many pages there are
 */

/** A file that is not a whole bbolt database; the message says where. */
export class BoltError extends Error {
  override readonly name = 'BoltError';
}

export const pageFlag = { branch: 0x01, leaf: 0x02, meta: 0x04, freelist: 0x10 } as const;
/** Of a leaf's element: its value is a bucket. */
export const bucketFlag = 0x01;
export const magic = 0xed0cdaed;
export const version = 2;
export const pageHeaderSize = 16;
export const leafElementSize = 16;
export const branchElementSize = 16;
/** Root page and sequence of a bucket; an inline bucket's page follows. */
export const bucketHeaderSize = 16;
export const metaSize = 64;
/** What bbolt and etcd use on nearly every machine: the size of a page of memory. */
export const defaultPageSize = 4096;

export interface PageHeader {
  readonly id: number;
  readonly flags: number;
  readonly count: number;
  /** Pages that follow and belong to this one. */
  readonly overflow: number;
}

export function writePageHeader(page: Buffer, { id, flags, count, overflow }: PageHeader): void {
  page.writeBigUInt64LE(BigInt(id), 0);
  page.writeUInt16LE(flags, 8);
  page.writeUInt16LE(count, 10);
  page.writeUInt32LE(overflow, 12);
}

export function readPageHeader(page: Buffer): PageHeader {
  return {
    id: Number(page.readBigUInt64LE(0)),
    flags: page.readUInt16LE(8),
    count: page.readUInt16LE(10),
    overflow: page.readUInt32LE(12),
  };
}

export interface Meta {
  readonly pageSize: number;
  /** Page of the root bucket. */
  readonly root: number;
  readonly freelist: number;
  /** Pages in use: the first id that is not. */
  readonly pages: number;
  readonly txid: number;
}

export function writeMeta(page: Buffer, meta: Meta): void {
  const at = pageHeaderSize;
  page.writeUInt32LE(magic, at);
  page.writeUInt32LE(version, at + 4);
  page.writeUInt32LE(meta.pageSize, at + 8);
  page.writeUInt32LE(0, at + 12);
  page.writeBigUInt64LE(BigInt(meta.root), at + 16);
  page.writeBigUInt64LE(0n, at + 24);
  page.writeBigUInt64LE(BigInt(meta.freelist), at + 32);
  page.writeBigUInt64LE(BigInt(meta.pages), at + 40);
  page.writeBigUInt64LE(BigInt(meta.txid), at + 48);
  page.writeBigUInt64LE(fnv1a64(page.subarray(at, at + 56)), at + 56);
}

/** @throws BoltError in bbolt's words: `invalid database`, `version mismatch`, `checksum error`. */
export function readMeta(page: Buffer): Meta {
  const at = pageHeaderSize;
  if (page.length < at + metaSize || page.readUInt32LE(at) !== magic) throw new BoltError('invalid database');
  if (page.readUInt32LE(at + 4) !== version) throw new BoltError('version mismatch');
  if (page.readBigUInt64LE(at + 56) !== fnv1a64(page.subarray(at, at + 56))) throw new BoltError('checksum error');
  const number = (offset: number) => Number(page.readBigUInt64LE(at + offset));
  return {
    pageSize: page.readUInt32LE(at + 8),
    root: number(16),
    freelist: number(32),
    pages: number(40),
    txid: number(48),
  };
}

/** FNV-1a with 64 bits. */
export function fnv1a64(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  return hash;
}
