import { inRange, type KeyRange, keyRange, keyString } from '../mvcc/index.ts';
import { etcdError } from './errors.ts';
import type { DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest } from './kv.ts';

/** Operations of one branch of a transaction: etcd's `--max-txn-ops`. */
const maxTxnOps = 128;
/** Bytes of one request: etcd's `--max-request-bytes`. */
export const maxRequestBytes = 1.5 * 1024 * 1024;

/** What etcd refuses before it proposes anything. Upstream: etcd server/etcdserver/api/v3rpc/key.go. */
export function checkRange(request: RangeRequest): void {
  if (request.key.length === 0) throw etcdError('EmptyKey');
}

export function checkPut(request: PutRequest): void {
  if (request.key.length === 0) throw etcdError('EmptyKey');
  if (request.ignoreValue && request.value.length !== 0) throw etcdError('ValueProvided');
  if (request.ignoreLease && (request.lease ?? 0) !== 0) throw etcdError('LeaseProvided');
}

export function checkDelete(request: DeleteRangeRequest): void {
  if (request.key.length === 0) throw etcdError('EmptyKey');
}

export function checkTxn(txn: TxnRequest, limit: number = maxTxnOps): void {
  checkOps(txn, limit);
  // One put and nothing beside it cannot collide: that is nearly every transaction of an API server.
  if (txn.success.length > 1 || txn.failure.length > 1 || hasTxn(txn.success) || hasTxn(txn.failure)) {
    checkDuplicates(txn.success);
    checkDuplicates(txn.failure);
  }
}

function hasTxn(ops: readonly RequestOp[]): boolean {
  return ops[0]?.op === 'txn';
}

function checkOps(txn: TxnRequest, limit: number): void {
  const ops = Math.max(txn.compare.length, txn.success.length, txn.failure.length);
  if (ops > limit) throw etcdError('TooManyOps');
  for (const { key } of txn.compare) if (key.length === 0) throw etcdError('EmptyKey');
  for (const branch of [txn.success, txn.failure]) {
    for (const op of branch) {
      if (op.op === 'range') checkRange(op.range);
      else if (op.op === 'put') checkPut(op.put);
      else if (op.op === 'deleteRange') checkDelete(op.deleteRange);
      else checkOps(op.txn, limit - ops);
    }
  }
}

const isOpen = (end: Uint8Array | undefined) => end?.length === 1 && end[0] === 0;

interface Touched {
  readonly puts: Set<string>;
  readonly deletes: KeyRange[];
}

/** A key may be put once in what can execute together, and not both put and deleted. */
function checkDuplicates(ops: readonly RequestOp[]): Touched {
  const puts = new Set<string>();
  const deletes: KeyRange[] = [];
  for (const op of ops) {
    if (op.op !== 'deleteRange') continue;
    const { key, rangeEnd } = op.deleteRange;
    // As there: an open end (`\0`) is taken for a key, which makes the range an empty one here.
    if (!isOpen(rangeEnd)) deletes.push(keyRange(key, rangeEnd));
  }
  const deleted = (name: string) => deletes.some((range) => inRange(range, name));
  for (const op of ops) {
    if (op.op !== 'txn') continue;
    const then = checkDuplicates(op.txn.success);
    const otherwise = checkDuplicates(op.txn.failure);
    for (const name of then.puts) {
      if (puts.has(name) || deleted(name)) throw etcdError('DuplicateKey');
    }
    for (const name of otherwise.puts) {
      // The branches exclude each other: what both put is put once.
      if (puts.has(name) || deleted(name)) throw etcdError('DuplicateKey');
    }
    for (const name of then.puts) puts.add(name);
    for (const name of otherwise.puts) puts.add(name);
    deletes.push(...then.deletes, ...otherwise.deletes);
  }
  for (const op of ops) {
    if (op.op !== 'put') continue;
    const name = keyString(op.put.key);
    if (puts.has(name) || deleted(name)) throw etcdError('DuplicateKey');
    puts.add(name);
  }
  return { puts, deletes };
}
