/** The KV interface's shapes ↔ etcd's messages, both ways. */
import type { Infer, MessageInput } from '../../wire/index.ts';
import {
  type Compare,
  type CompareTarget,
  EtcdError,
  type KeyValue,
  type RangeRequest,
  type RequestOp,
  type ResponseHeader,
  type ResponseOp,
  type SortOrder,
  type SortTarget,
  type StoreEvent,
  type TxnRequest,
  type TxnResponse,
} from '../kv.ts';
import type * as m from './messages.ts';

type KeyValueMessage = Infer<typeof m.KeyValue>;
type CompareMessage = Infer<typeof m.Compare>;
type RangeMessage = Infer<typeof m.RangeRequest>;

/** How lease IDs of the wire become the interface's numbers. */
export interface LeaseIds {
  fromWire(id: number | bigint): number;
  toWire(id: number): number | bigint;
}

/** Index = number on the wire. */
const sortOrders: readonly SortOrder[] = ['none', 'ascend', 'descend'];
const sortTargets: readonly SortTarget[] = ['key', 'version', 'create', 'mod', 'value'];
const compareResults: readonly Compare['result'][] = ['equal', 'greater', 'less', 'notEqual'];
const compareTargets: readonly CompareTarget['target'][] = ['version', 'create', 'mod', 'value', 'lease'];

const present = (bytes: Uint8Array): Uint8Array | undefined => (bytes.length > 0 ? bytes : undefined);

// ---- requests, server side

export function rangeFromWire(r: RangeMessage): RangeRequest {
  const sortOrder = sortOrders[r.sortOrder];
  const sortTarget = sortTargets[r.sortTarget];
  if (!sortOrder || !sortTarget) throw new EtcdError('InvalidArgument', 'etcdserver: invalid sort option');
  return {
    key: r.key,
    rangeEnd: present(r.rangeEnd),
    limit: r.limit,
    revision: r.revision,
    sortOrder,
    sortTarget,
    serializable: r.serializable,
    keysOnly: r.keysOnly,
    countOnly: r.countOnly,
    minModRevision: r.minModRevision,
    maxModRevision: r.maxModRevision,
    minCreateRevision: r.minCreateRevision,
    maxCreateRevision: r.maxCreateRevision,
  };
}

export function putFromWire(r: Infer<typeof m.PutRequest>, ids: LeaseIds) {
  return {
    key: r.key,
    value: r.value,
    lease: ids.fromWire(r.lease),
    prevKv: r.prevKv,
    ignoreValue: r.ignoreValue,
    ignoreLease: r.ignoreLease,
  };
}

export function deleteFromWire(r: Infer<typeof m.DeleteRangeRequest>) {
  return { key: r.key, rangeEnd: present(r.rangeEnd), prevKv: r.prevKv };
}

export function txnFromWire(r: m.TxnRequestMessage, ids: LeaseIds): TxnRequest {
  return {
    compare: r.compare.map((compare) => compareFromWire(compare, ids)),
    success: r.success.map((op) => opFromWire(op, ids)),
    failure: r.failure.map((op) => opFromWire(op, ids)),
  };
}

function compareFromWire(c: CompareMessage, ids: LeaseIds): Compare {
  const result = compareResults[c.result];
  const target = compareTargets[c.target];
  if (!result || !target) throw new EtcdError('Unknown', 'etcdserver: unknown compare');
  const base = { key: c.key, rangeEnd: present(c.rangeEnd), result };
  // A member that was not sent counts as zero.
  switch (target) {
    case 'version':
      return { ...base, target, version: c.version ?? 0 };
    case 'create':
      return { ...base, target, createRevision: c.createRevision ?? 0 };
    case 'mod':
      return { ...base, target, modRevision: c.modRevision ?? 0 };
    case 'value':
      return { ...base, target, value: c.value ?? new Uint8Array(0) };
    case 'lease':
      return { ...base, target, lease: ids.fromWire(c.lease ?? 0) };
  }
}

function opFromWire(op: m.RequestOpMessage, ids: LeaseIds): RequestOp {
  if (op.range) return { op: 'range', range: rangeFromWire(op.range) };
  if (op.put) return { op: 'put', put: putFromWire(op.put, ids) };
  if (op.deleteRange) return { op: 'deleteRange', deleteRange: deleteFromWire(op.deleteRange) };
  if (op.txn) return { op: 'txn', txn: txnFromWire(op.txn, ids) };
  // An operation of a kind this server does not know, or none: etcd answers a key that is missing.
  throw new EtcdError('InvalidArgument', 'etcdserver: key not found');
}

// ---- responses, server side. Most shapes are the message's own; only operations and events differ.

export function txnToWire(r: TxnResponse): MessageInput<m.TxnResponseMessage> {
  return { header: r.header, succeeded: r.succeeded, responses: r.responses.map(responseOpToWire) };
}

function responseOpToWire(op: ResponseOp): MessageInput<m.ResponseOpMessage> {
  switch (op.op) {
    case 'range':
      return { range: op.range };
    case 'put':
      return { put: op.put };
    case 'deleteRange':
      return { deleteRange: op.deleteRange };
    case 'txn':
      return { txn: txnToWire(op.txn) };
  }
}

export function eventToWire(event: StoreEvent): MessageInput<Infer<typeof m.Event>> {
  return { type: event.type === 'put' ? 0 : 1, kv: event.kv, prevKv: event.prevKv };
}

// ---- requests, client side

export function rangeToWire(r: RangeRequest): MessageInput<RangeMessage> {
  return {
    ...r,
    sortOrder: Math.max(0, sortOrders.indexOf(r.sortOrder ?? 'none')),
    sortTarget: Math.max(0, sortTargets.indexOf(r.sortTarget ?? 'key')),
  };
}

export function txnRequestToWire(r: TxnRequest, ids: LeaseIds): MessageInput<m.TxnRequestMessage> {
  return {
    compare: r.compare.map((compare) => compareToWire(compare, ids)),
    success: r.success.map((op) => opToWire(op, ids)),
    failure: r.failure.map((op) => opToWire(op, ids)),
  };
}

function compareToWire(c: Compare, ids: LeaseIds): MessageInput<CompareMessage> {
  const base = {
    result: compareResults.indexOf(c.result),
    target: compareTargets.indexOf(c.target),
    key: c.key,
    rangeEnd: c.rangeEnd,
  };
  switch (c.target) {
    case 'version':
      return { ...base, version: c.version };
    case 'create':
      return { ...base, createRevision: c.createRevision };
    case 'mod':
      return { ...base, modRevision: c.modRevision };
    case 'value':
      return { ...base, value: c.value };
    case 'lease':
      return { ...base, lease: ids.toWire(c.lease) };
  }
}

function opToWire(op: RequestOp, ids: LeaseIds): MessageInput<m.RequestOpMessage> {
  switch (op.op) {
    case 'range':
      return { range: rangeToWire(op.range) };
    case 'put':
      return { put: putToWire(op.put, ids) };
    case 'deleteRange':
      return { deleteRange: op.deleteRange };
    case 'txn':
      return { txn: txnRequestToWire(op.txn, ids) };
  }
}

export function putToWire<T extends { readonly lease?: number }>(put: T, ids: LeaseIds) {
  return put.lease ? { ...put, lease: ids.toWire(put.lease) } : put;
}

// ---- responses, client side

const noHeader: ResponseHeader = { clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 };

export const headerFromWire = (header: ResponseHeader | undefined): ResponseHeader => header ?? noHeader;

export function kvFromWire(kv: KeyValueMessage, ids: LeaseIds): KeyValue {
  // The decoded message has the interface's shape already, but for foreign lease IDs.
  if (typeof kv.lease === 'number') return kv as KeyValue;
  return { ...kv, lease: ids.fromWire(kv.lease) };
}

export function rangeResponseFromWire(r: Infer<typeof m.RangeResponse>, ids: LeaseIds) {
  return {
    header: headerFromWire(r.header),
    kvs: r.kvs.map((kv) => kvFromWire(kv, ids)),
    more: r.more,
    count: r.count,
  };
}

export function putResponseFromWire(r: Infer<typeof m.PutResponse>, ids: LeaseIds) {
  return { header: headerFromWire(r.header), prevKv: r.prevKv && kvFromWire(r.prevKv, ids) };
}

export function deleteResponseFromWire(r: Infer<typeof m.DeleteRangeResponse>, ids: LeaseIds) {
  return {
    header: headerFromWire(r.header),
    deleted: r.deleted,
    prevKvs: r.prevKvs.map((kv) => kvFromWire(kv, ids)),
  };
}

export function txnResponseFromWire(r: m.TxnResponseMessage, ids: LeaseIds): TxnResponse {
  return {
    header: headerFromWire(r.header),
    succeeded: r.succeeded,
    responses: r.responses.map((op): ResponseOp => {
      if (op.range) return { op: 'range', range: rangeResponseFromWire(op.range, ids) };
      if (op.put) return { op: 'put', put: putResponseFromWire(op.put, ids) };
      if (op.deleteRange) return { op: 'deleteRange', deleteRange: deleteResponseFromWire(op.deleteRange, ids) };
      if (op.txn) return { op: 'txn', txn: txnResponseFromWire(op.txn, ids) };
      throw new EtcdError('Internal', 'a transaction answered with an operation of unknown kind');
    }),
  };
}

export function eventFromWire(event: Infer<typeof m.Event>, ids: LeaseIds): StoreEvent {
  return {
    type: event.type === 0 ? 'put' : 'delete',
    kv: kvFromWire(event.kv!, ids),
    prevKv: event.prevKv && kvFromWire(event.prevKv, ids),
  };
}
