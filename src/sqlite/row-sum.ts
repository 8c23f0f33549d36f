/** Checksums of rows: SQLite has none, and a byte that changes on the disk inside a value breaks no structure. */
import { crc32 } from 'node:zlib';
import { damageRemedy, StorageError } from './errors.ts';
import { mainOf, subOf } from './row-id.ts';

/** CRC-32 (that of zip) of the other columns as text, separated by commas (NULL is empty), then of the blobs; unsigned. */
function rowSum(
  columns: readonly (number | bigint | string | null)[],
  ...blobs: readonly (Uint8Array | null)[]
): number {
  let sum = crc32(columns.join());
  for (const blob of blobs) {
    if (blob === null) continue;
    // Of a damaged row: text or a number.
    if (!(blob instanceof Uint8Array)) return Number.NaN;
    sum = crc32(blob, sum);
  }
  return sum;
}

/** A row of `kv`. A lease beyond 2^53 may be text, as the driver reads it. */
export interface SummedKv {
  readonly id: number;
  readonly key: Uint8Array;
  readonly createRev: number;
  readonly version: number;
  readonly lease: number | bigint | string;
  readonly tombstone: number;
  readonly time: number;
  readonly actor: number | null;
  readonly cause: string | null;
  readonly value: Uint8Array | null;
}

export function kvSum(row: SummedKv): number {
  const { id, createRev, version, lease, tombstone, time, actor, cause } = row;
  return rowSum([id, createRev, version, lease, tombstone, time, actor, cause], row.key, row.value);
}

/** A row of `raft_entry`; its id is made of index and term. */
export interface SummedEntry {
  readonly idx: number;
  readonly term: number;
  readonly type: string;
  readonly size: number;
  readonly fromRev: number | null;
  readonly toRev: number | null;
  readonly request: string;
  readonly payload: Uint8Array | null;
}

export function entrySum(row: SummedEntry): number {
  const { idx, term, type, size, fromRev, toRev, request, payload } = row;
  return rowSum([idx, term, type, size, fromRev, toRev, request], payload);
}

/** A row of `meta`. */
export const metaSum = (key: string, value: string): number => rowSum([key, value]);

/** How a row is named to people. */
export const kvRow = (id: number, key: Uint8Array): string =>
  `kv revision ${mainOf(id)}.${subOf(id)}, key "${key instanceof Uint8Array ? Buffer.from(key) : key}"`;
export const entryRow = (idx: number, term: number): string => `raft_entry idx ${idx}, term ${term}`;

export const metaRow = (key: string): string => `meta "${key}"`;

export const problemOfSum = 'the row is not what was written: its checksum is another';

/** For whoever reads the row. */
export const notAsWritten = (path: string, row: string): StorageError =>
  new StorageError(
    'Corrupt',
    `the database is damaged: ${path}: ${row}: ${problemOfSum} (klab etcd check says how to take it as it is)${damageRemedy}`,
  );
