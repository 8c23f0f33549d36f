/**
 * Bytes of a request as etcd proposes it: its InternalRaftRequest, encoded. `--max-request-bytes` is about these.
 * Upstream: api/etcdserverpb/raft_internal.proto, server/etcdserver/v3_server.go (processInternalRaftRequestOnce).
 */
import type { LeaseId } from '../mvcc/index.ts';
import type { AuthInfo } from './auth/state.ts';
import type { Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest } from './kv.ts';
import type { ProposedRequest } from './proposal.ts';

/** What is neither keys nor values: leases, accounts, alarms. Nothing of it comes near a limit. */
const small = 32;

export function requestSize(request: ProposedRequest, memberId: bigint, auth?: AuthInfo): number {
  return headerSize(memberId, auth) + bodySize(request);
}

function bodySize(request: ProposedRequest): number {
  switch (request.kind) {
    case 'put':
      return nested(putSize(request.put));
    case 'deleteRange':
      return nested(deleteSize(request.deleteRange));
    case 'txn':
      return nested(txnSize(request.txn));
    default:
      return small;
  }
}

/** Request ID, and whose it is. The ID begins with the low 16 bits of the member's: its highest bit makes it a byte longer. */
function headerSize(memberId: bigint, auth: AuthInfo | undefined): number {
  const id = 1 + ((memberId & 0x8000n) === 0n ? 9 : 10);
  const who = auth ? bytes(Buffer.byteLength(auth.user)) + number(auth.revision) : 0;
  // Field 100 has a tag of two bytes.
  return 1 + nested(id + who);
}

/** Of an unsigned number. */
function varint(n: number): number {
  let size = 1;
  for (let rest = n; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** A field of a message, with a tag of one byte: none when the value is the default. */
const number = (n: number | undefined): number => (!n ? 0 : n < 0 ? 11 : 1 + varint(n));
const lease = (id: LeaseId | undefined): number =>
  typeof id === 'bigint' ? (id < 0n ? 11 : 1 + Math.ceil(id.toString(2).length / 7)) : number(id);
const flag = (set: boolean | undefined): number => (set ? 2 : 0);
const bytes = (length: number | undefined): number => (length ? 1 + varint(length) + length : 0);
const nested = (length: number): number => 1 + varint(length) + length;

function putSize(put: PutRequest): number {
  return (
    bytes(put.key.length) +
    bytes(put.value.length) +
    lease(put.lease) +
    flag(put.prevKv) +
    flag(put.ignoreValue) +
    flag(put.ignoreLease)
  );
}

function deleteSize(request: DeleteRangeRequest): number {
  return bytes(request.key.length) + bytes(request.rangeEnd?.length) + flag(request.prevKv);
}

function rangeSize(range: RangeRequest): number {
  return (
    bytes(range.key.length) +
    bytes(range.rangeEnd?.length) +
    number(range.limit) +
    number(range.revision) +
    flag(range.sortOrder !== undefined && range.sortOrder !== 'none') +
    flag(range.sortTarget !== undefined && range.sortTarget !== 'key') +
    flag(range.serializable) +
    flag(range.keysOnly) +
    flag(range.countOnly) +
    number(range.minModRevision) +
    number(range.maxModRevision) +
    number(range.minCreateRevision) +
    number(range.maxCreateRevision)
  );
}

function txnSize(txn: TxnRequest): number {
  let size = 0;
  for (const compare of txn.compare) size += nested(compareSize(compare));
  for (const op of txn.success) size += nested(opSize(op));
  for (const op of txn.failure) size += nested(opSize(op));
  return size;
}

function opSize(op: RequestOp): number {
  switch (op.op) {
    case 'range':
      return nested(rangeSize(op.range));
    case 'put':
      return nested(putSize(op.put));
    case 'deleteRange':
      return nested(deleteSize(op.deleteRange));
    case 'txn':
      return nested(txnSize(op.txn));
  }
}

function compareSize(compare: Compare): number {
  // The number of the range's end, 64, has a tag of two bytes.
  const end = compare.rangeEnd?.length ? 1 + bytes(compare.rangeEnd.length) : 0;
  const how = flag(compare.result !== 'equal') + flag(compare.target !== 'version');
  return bytes(compare.key.length) + end + how + comparedSize(compare);
}

/** In a oneof a zero is written too. */
function comparedSize(compare: Compare): number {
  switch (compare.target) {
    case 'version':
      return number(compare.version) || 2;
    case 'create':
      return number(compare.createRevision) || 2;
    case 'mod':
      return number(compare.modRevision) || 2;
    case 'value':
      return bytes(compare.value?.length) || 2;
    case 'lease':
      return lease(compare.lease) || 2;
  }
}
