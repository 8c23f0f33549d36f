/**
 * Words of the MVCC store. Revisions are (main, sub): `main` counts transactions that changed something, `sub` the
 * changes within one. Keys are byte strings; inside this room they are also latin1 strings (one char a byte), whose
 * order is the byte order and which hash fast.
 */

import type { LeaseId } from './lease-id.ts';

/** Who wrote a revision and why; the store carries it and never looks inside. */
export interface RowProvenance {
  readonly actor: string;
  readonly agent?: string;
  readonly cause?: {
    readonly object?: string;
    readonly revision?: number;
    readonly count?: number;
    readonly timer?: string;
  };
}

export interface KeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  /** 0 = none. */
  readonly lease: LeaseId;
}

export interface Event {
  readonly type: 'put' | 'delete';
  /** For a delete: key and modRevision of the tombstone, the rest zero. */
  readonly kv: KeyValue;
  readonly prevKv?: KeyValue;
}

/** One revision of one key as a backend keeps it. */
export interface Row {
  readonly key: Uint8Array;
  /** Empty for a tombstone. */
  readonly value: Uint8Array;
  readonly main: number;
  readonly sub: number;
  readonly createRevision: number;
  readonly version: number;
  readonly lease: LeaseId;
  readonly tombstone: boolean;
  /** Cluster-clock ms. */
  readonly time: number;
  readonly provenance?: RowProvenance;
}

/** A live key's newest revision without its value: what a start reads. */
export interface LatestRow extends Pick<Row, 'main' | 'sub' | 'createRevision' | 'version' | 'lease'> {
  /** The key as `keyString` writes it. */
  readonly name: string;
}

export interface LeaseRow {
  readonly id: LeaseId;
  /** Granted TTL, seconds. */
  readonly ttl: number;
}

export interface BackendState {
  /** 1 when nothing was ever written. */
  readonly revision: number;
  /** 0 = never compacted. */
  readonly compactRevision: number;
  /** Raft index of the last entry in this state. */
  readonly appliedIndex: number;
  readonly appliedTerm: number;
  /** In order of key. */
  readonly latest: Iterable<LatestRow>;
  readonly leases: readonly LeaseRow[];
}

export interface HistoryQuery {
  readonly limit?: number;
  /** Only revisions below this one. */
  readonly before?: number;
}

export interface ChangesQuery {
  /** Exclusive. */
  readonly from: number;
  /** Inclusive. */
  readonly to: number;
  /** Key range [start, end); `end` absent = to the last key. Both absent = every key. */
  readonly start?: Uint8Array;
  readonly end?: Uint8Array;
  /** Rows at most; the last revision is never cut in two. */
  readonly limit?: number;
}

/**
 * Where revisions live. Writes happen inside a transaction that the owner opens and ends (the store never commits);
 * reads see them at once. Revisions outlive etcd's compaction until `prune`: that is klab's history. Reading throws what
 * `isDamage` tells when a row is not as it was written.
 */
export interface Backend {
  load(): BackendState;
  append(row: Row): void;
  setCompactRevision(revision: number): void;
  setApplied(index: number, term: number): void;
  putLease(lease: LeaseRow): void;
  deleteLease(id: LeaseId): void;

  /** Value of a revision; undefined when it was pruned. */
  value(main: number, sub: number): Uint8Array | undefined;
  /** State of the keys in [start, end) as of `revision`, live keys only, in order of key. `end` undefined = to the last key. */
  rangeAt(start: Uint8Array, end: Uint8Array | undefined, revision: number, limit: number): readonly Row[];
  countAt(start: Uint8Array, end: Uint8Array | undefined, revision: number): number;
  /** The key's revisions, newest first. */
  history(key: Uint8Array, query: HistoryQuery): readonly Row[];
  /** Oldest first. */
  changes(query: ChangesQuery): readonly Row[];
  /** The newest row of `key` before revision `main`, live or not. */
  previous(key: Uint8Array, main: number): Row | undefined;
  /**
   * Drops history nobody needs: of the revisions above the policy's floor and up to its bounds, what each of them
   * superseded, and tombstones themselves. Handles at most `limit` revisions; returns whether more remain.
   */
  prune(policy: PrunePolicy, limit: number): boolean;
  /** Drops every revision of `key` but the one that is its state now; returns how many went. */
  purge(key: Uint8Array): number;
  /** Everything, for members that cannot catch up from the log. Cheap where rows are shared. */
  export(): BackendDump;
  import(dump: BackendDump): void;
}

export interface PrunePolicy {
  /** Floors are kept per name. */
  readonly name: string;
  /** Revisions from here on stay readable. */
  readonly upTo: number;
  /** Revisions written at or after this (cluster-clock ms) stay. */
  readonly olderThan: number;
  /** Key prefixes concerned; absent = all. */
  readonly prefixes?: readonly Uint8Array[];
}

export interface BackendDump {
  readonly revision: number;
  readonly compactRevision: number;
  readonly appliedIndex: number;
  readonly appliedTerm: number;
  readonly rows: readonly Row[];
  readonly leases: readonly LeaseRow[];
}

export type MvccErrorCode =
  | 'Compacted'
  | 'FutureRevision'
  | 'LeaseNotFound'
  | 'LeaseExists'
  | 'LeaseTTLTooLarge'
  | 'KeyNotFound'
  | 'TooManyChanges';

export class MvccError extends Error {
  override readonly name = 'MvccError';
  readonly code: MvccErrorCode;
  constructor(code: MvccErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** What a backend throws for a row that is not as it was written: an error with code `Corrupt`, which names it. */
export const isDamage = (error: unknown): error is Error =>
  error instanceof Error && (error as { code?: unknown }).code === 'Corrupt';

export function compacted(): MvccError {
  return new MvccError('Compacted', 'required revision has been compacted');
}

export function futureRevision(): MvccError {
  return new MvccError('FutureRevision', 'required revision is a future revision');
}

/** Changes one transaction can make: `sub` has 20 bits. */
export const subBits = 20;
export const maxSub = 2 ** subBits - 1;

/** (main, sub) as one safe integer whose order is the order of revisions; the rowid of table kv. */
export function rowId(main: number, sub: number): number {
  return main * (maxSub + 1) + sub;
}

export const emptyBytes: Uint8Array = Buffer.alloc(0);

/** Bytes as a latin1 string: one char a byte, order kept. */
export function keyString(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('latin1');
}

export function keyBytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * A key range in latin1 strings, from etcd's (key, range_end): no end = the one key; end `\0` = every key ≥ key.
 * `end` undefined = unbounded; `single` = exactly `start`.
 */
export interface KeyRange {
  readonly start: string;
  readonly end: string | undefined;
  readonly single: boolean;
}

export function keyRange(key: Uint8Array, rangeEnd: Uint8Array | undefined): KeyRange {
  const start = keyString(key);
  if (!rangeEnd || rangeEnd.length === 0) return { start, end: `${start}\0`, single: true };
  if (rangeEnd.length === 1 && rangeEnd[0] === 0) return { start, end: undefined, single: false };
  return { start, end: keyString(rangeEnd), single: false };
}

/** The end of the range of all keys that start with `prefix`; undefined = unbounded. */
export function prefixEnd(prefix: Uint8Array): Uint8Array | undefined {
  for (let i = prefix.length - 1; i >= 0; i--) {
    if (prefix[i]! < 0xff) {
      const end = Buffer.from(prefix.subarray(0, i + 1));
      end[i]!++;
      return end;
    }
  }
  return undefined;
}

export function inRange(range: KeyRange, key: string): boolean {
  return range.single ? key === range.start : key >= range.start && (range.end === undefined || key < range.end);
}
