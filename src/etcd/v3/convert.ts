/** The KV interface's shapes ↔ etcd's messages, both ways. */
import type { Infer, MessageInput } from '../../wire/index.ts';
import {
  type Compare,
  type CompareTarget,
  EtcdError,
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

type CompareMessage = Infer<typeof m.Compare>;
type RangeMessage = Infer<typeof m.RangeRequest>;

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

export function putFromWire(r: Infer<typeof m.PutRequest>) {
  return {
    key: r.key,
    value: r.value,
    lease: r.lease,
    prevKv: r.prevKv,
    ignoreValue: r.ignoreValue,
    ignoreLease: r.ignoreLease,
  };
}

export function deleteFromWire(r: Infer<typeof m.DeleteRangeRequest>) {
  return { key: r.key, rangeEnd: present(r.rangeEnd), prevKv: r.prevKv };
}

export function txnFromWire(r: m.TxnRequestMessage): TxnRequest {
  return {
    compare: r.compare.map(compareFromWire),
    success: r.success.map(opFromWire),
    failure: r.failure.map(opFromWire),
  };
}

function compareFromWire(c: CompareMessage): Compare {
  const result = compareResults[c.result];
  const target = compareTargets[c.target];
  if (!result || !target) return unknownCompare(c, target);
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
      return { ...base, target, lease: c.lease ?? 0 };
  }
}

/**
 * etcd does not look whether it knows how to compare: an unknown result holds, and what an unknown target compares is equal.
 * Said with what is known: no version is below 0, and every key that is there has one above.
 */
function unknownCompare(c: CompareMessage, target: CompareTarget['target'] | undefined): Compare {
  const base = { key: c.key, rangeEnd: present(c.rangeEnd), target: 'version' } as const;
  // Values are compared only where there are some.
  if (target === 'value') return { ...base, result: 'greater', version: 0 };
  const holds = target !== undefined || compareResults[c.result] === 'equal' || !compareResults[c.result];
  return { ...base, result: holds ? 'notEqual' : 'equal', version: -1 };
}

function opFromWire(op: m.RequestOpMessage): RequestOp {
  if (op.range) return { op: 'range', range: rangeFromWire(op.range) };
  if (op.put) return { op: 'put', put: putFromWire(op.put) };
  if (op.deleteRange) return { op: 'deleteRange', deleteRange: deleteFromWire(op.deleteRange) };
  if (op.txn) return { op: 'txn', txn: txnFromWire(op.txn) };
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

export function txnRequestToWire(r: TxnRequest): MessageInput<m.TxnRequestMessage> {
  return {
    compare: r.compare.map(compareToWire),
    success: r.success.map(opToWire),
    failure: r.failure.map(opToWire),
  };
}

function compareToWire(c: Compare): MessageInput<CompareMessage> {
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
      return { ...base, lease: c.lease };
  }
}

function opToWire(op: RequestOp): MessageInput<m.RequestOpMessage> {
  switch (op.op) {
    case 'range':
      return { range: rangeToWire(op.range) };
    case 'put':
      return { put: op.put };
    case 'deleteRange':
      return { deleteRange: op.deleteRange };
    case 'txn':
      return { txn: txnRequestToWire(op.txn) };
  }
}

// ---- responses, client side

const noHeader: ResponseHeader = { clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 };

export const headerFromWire = (header: ResponseHeader | undefined): ResponseHeader => header ?? noHeader;

export function rangeResponseFromWire(r: Infer<typeof m.RangeResponse>) {
  return {
    header: headerFromWire(r.header),
    kvs: r.kvs,
    more: r.more,
    count: r.count,
  };
}

export function putResponseFromWire(r: Infer<typeof m.PutResponse>) {
  return { header: headerFromWire(r.header), prevKv: r.prevKv };
}

export function deleteResponseFromWire(r: Infer<typeof m.DeleteRangeResponse>) {
  return {
    header: headerFromWire(r.header),
    deleted: r.deleted,
    prevKvs: r.prevKvs,
  };
}

export function txnResponseFromWire(r: m.TxnResponseMessage): TxnResponse {
  return {
    header: headerFromWire(r.header),
    succeeded: r.succeeded,
    responses: r.responses.map((op): ResponseOp => {
      if (op.range) return { op: 'range', range: rangeResponseFromWire(op.range) };
      if (op.put) return { op: 'put', put: putResponseFromWire(op.put) };
      if (op.deleteRange) return { op: 'deleteRange', deleteRange: deleteResponseFromWire(op.deleteRange) };
      if (op.txn) return { op: 'txn', txn: txnResponseFromWire(op.txn) };
      throw new EtcdError('Internal', 'a transaction answered with an operation of unknown kind');
    }),
  };
}

export function eventFromWire(event: Infer<typeof m.Event>): StoreEvent {
  return {
    type: event.type === 0 ? 'put' : 'delete',
    kv: event.kv!,
    prevKv: event.prevKv,
  };
}
