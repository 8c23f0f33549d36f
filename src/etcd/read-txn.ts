import { keyRange } from '../mvcc/index.ts';
import { compareOne, revisionOnly } from './apply.ts';
import { etcdError } from './errors.ts';
import type { Compare, RangeRequest, RequestOp, ResponseHeader, TxnRequest, TxnResponse } from './kv.ts';
import { executeRange, type ReadRange } from './range.ts';

/** Where a member stands in the history. */
export interface ReadCursor {
  readonly revision: number;
  readonly compactRevision: number;
}

/**
 * Executes a transaction that only reads (`isReadOnly`) on a member's state: it is never proposed, so it is in no log and has no
 * limit of bytes. `read` reads at any revision up to the cursor's. Throws FutureRev, Compacted.
 * Upstream: server/etcdserver/v3_server.go (Txn), server/etcdserver/txn.
 */
export function executeReadTxn(
  txn: TxnRequest,
  read: (revision: number) => ReadRange,
  header: ResponseHeader,
  { revision, compactRevision }: ReadCursor,
): TxnResponse {
  const now = read(revision);
  const succeeded = txn.compare.every((compare) => holds(compare, now));
  const ranges = (succeeded ? txn.success : txn.failure).map(rangeOf);
  for (const { revision: wanted = 0 } of ranges) {
    if (wanted > revision) throw etcdError('FutureRev');
    if (wanted !== 0 && wanted < (compactRevision || -1)) throw etcdError('Compacted');
  }
  const responses = ranges.map((range) => {
    const at = range.revision && range.revision > 0 ? read(range.revision) : now;
    return { op: 'range', range: executeRange(range, at, revisionOnly(revision)) } as const;
  });
  return { header, succeeded, responses };
}

/** Every range of it may be answered by a member that lags: then all of it may. */
export function isSerializable(txn: TxnRequest): boolean {
  const serializable = (op: RequestOp) => op.op === 'range' && op.range.serializable === true;
  return txn.success.every(serializable) && txn.failure.every(serializable);
}

function rangeOf(op: RequestOp): RangeRequest {
  if (op.op !== 'range') throw new Error(`a transaction that only reads holds a ${op.op}`);
  return op.range;
}

function holds(compare: Compare, read: ReadRange): boolean {
  const range = keyRange(compare.key, compare.rangeEnd);
  const { kvs } = read(range, { keysOnly: compare.target !== 'value', noCount: true });
  return kvs.length === 0 ? compareOne(compare, undefined) : kvs.every((kv) => compareOne(compare, kv));
}
