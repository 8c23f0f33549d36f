import { emptyBytes, keyBytes, keyString, type LeaseId, leaseIdOf } from '../mvcc/index.ts';
import type { EncodedEntry, Entry, EntryCodec } from '../raft/index.ts';
import type { AuthChange } from './auth/state.ts';
import type { Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest } from './kv.ts';
import type { MemberChange } from './membership.ts';
import type { Applied, Proposal, ProposedRequest } from './proposal.ts';

/**
 * Where a value is: the revision it became ([revision, sub]: stored once, in kv), or a stretch of the entry's payload.
 */
type ValueRef = { rev: number; sub: number } | { at: number; len: number };

type Json = Record<string, unknown>;

/** Entries as readable JSON: keys are latin1 strings, values stand elsewhere. */
export const proposalCodec: EntryCodec = {
  encode(entry: Entry): EncodedEntry {
    if (entry.type === 'confChange') {
      return { type: 'confChange', request: JSON.stringify(entry.data), size: entry.size };
    }
    const proposal = entry.data as Proposal;
    const values = new ValueWriter(proposal.applied);
    const { id, member, time, provenance: by, auth } = proposal;
    const request = JSON.stringify({ id, member, time, by, auth, ...encodeRequest(proposal.request, values) });
    const revision = proposal.applied?.revision;
    const { kind: type } = proposal.request;
    return { type, request, size: entry.size, payload: values.payload, fromRevision: revision, toRevision: revision };
  },

  decode(encoded, loadValue) {
    if (encoded.type === 'confChange') return { data: JSON.parse(encoded.request), size: encoded.size };
    const json = JSON.parse(encoded.request) as Json;
    const load = (ref: ValueRef): Uint8Array => {
      if ('rev' in ref) return loadValue(ref.rev, ref.sub) ?? emptyBytes;
      return (encoded.payload ?? emptyBytes).subarray(ref.at, ref.at + ref.len);
    };
    const proposal: Proposal = {
      id: json['id'] as number,
      member: json['member'] as number,
      time: json['time'] as number,
      provenance: json['by'] as Proposal['provenance'],
      auth: json['auth'] as Proposal['auth'],
      request: decodeRequest(encoded.type as ProposedRequest['kind'], json, load),
      size: encoded.size,
    };
    if (encoded.toRevision !== undefined) proposal.applied = { revision: encoded.toRevision, puts: [] };
    return { data: proposal, size: encoded.size };
  },
};

/** Puts are visited in the order in which those executed were: what comes next in `applied` is a reference. */
class ValueWriter {
  readonly #applied: Applied | undefined;
  #next = 0;
  #parts: Uint8Array[] = [];
  #at = 0;

  constructor(applied: Applied | undefined) {
    this.#applied = applied;
  }

  put(put: PutRequest): ValueRef {
    const done = this.#applied?.puts[this.#next];
    if (done?.put !== put) return this.bytes(put.value);
    this.#next++;
    return { rev: this.#applied!.revision!, sub: done.sub };
  }

  bytes(value: Uint8Array): ValueRef {
    const ref = { at: this.#at, len: value.length };
    if (value.length > 0) this.#parts.push(value);
    this.#at += value.length;
    return ref;
  }

  get payload(): Uint8Array | undefined {
    return this.#parts.length === 0 ? undefined : Buffer.concat(this.#parts);
  }
}

function encodeRequest(request: ProposedRequest, values: ValueWriter): Json {
  switch (request.kind) {
    case 'put':
      return encodePut(request.put, values);
    case 'deleteRange':
      return encodeKeys(request.deleteRange);
    case 'txn':
      return encodeTxn(request.txn, values);
    case 'leaseGrant':
    case 'leaseRevoke': {
      const { kind: _, id, ...rest } = request;
      return { args: { ...rest, id: typeof id === 'bigint' ? String(id) : id } };
    }
    default: {
      const { kind: _, ...rest } = request;
      // Kept apart from the entry's own fields: a lease has an `id` too.
      return { args: rest };
    }
  }
}

function encodeKeys<T extends RangeRequest | DeleteRangeRequest>(request: T): Json {
  return { ...request, key: keyString(request.key), rangeEnd: request.rangeEnd && keyString(request.rangeEnd) };
}

function encodePut(put: PutRequest, values: ValueWriter): Json {
  return { ...put, key: keyString(put.key), value: values.put(put), ...leaseText(put.lease) };
}

/** JSON has no integers of 64 bits: a lease ID that is no number is written as text. */
function leaseText(lease: LeaseId | undefined): { lease?: string } {
  return typeof lease === 'bigint' ? { lease: String(lease) } : {};
}

const leaseOf = (json: unknown): LeaseId => (typeof json === 'string' ? leaseIdOf(json) : (json as number));

function encodeTxn(txn: TxnRequest, values: ValueWriter): Json {
  return {
    compare: txn.compare.map((c) => ({
      ...c,
      key: keyString(c.key),
      rangeEnd: c.rangeEnd && keyString(c.rangeEnd),
      ...(c.target === 'value' ? { value: values.bytes(c.value) } : {}),
      ...(c.target === 'lease' ? leaseText(c.lease) : {}),
    })),
    success: txn.success.map((op) => encodeOp(op, values)),
    failure: txn.failure.map((op) => encodeOp(op, values)),
  };
}

function encodeOp(op: RequestOp, values: ValueWriter): Json {
  switch (op.op) {
    case 'put':
      return { put: encodePut(op.put, values) };
    case 'range':
      return { range: encodeKeys(op.range) };
    case 'deleteRange':
      return { deleteRange: encodeKeys(op.deleteRange) };
    case 'txn':
      return { txn: encodeTxn(op.txn, values) };
  }
}

type Load = (ref: ValueRef) => Uint8Array;

function decodeRequest(kind: ProposedRequest['kind'], json: Json, load: Load): ProposedRequest {
  const { id: _id, member: _member, time: _time, by: _by, auth: _auth, ...rest } = json;
  switch (kind) {
    case 'put':
      return { kind, put: decodePut(rest, load) };
    case 'deleteRange':
      return { kind, deleteRange: decodeKeys<DeleteRangeRequest>(rest) };
    case 'txn':
      return { kind, txn: decodeTxn(rest, load) };
    case 'leaseGrant':
    case 'leaseRevoke': {
      const args = json['args'] as Json;
      return { kind, ...args, id: leaseOf(args['id']) } as ProposedRequest;
    }
    default:
      return { kind, ...(json['args'] as object) } as ProposedRequest;
  }
}

function decodeKeys<T extends RangeRequest | DeleteRangeRequest>(json: Json): T {
  const end = json['rangeEnd'] as string | undefined;
  return {
    ...json,
    key: keyBytes(json['key'] as string),
    rangeEnd: end === undefined ? undefined : keyBytes(end),
  } as unknown as T;
}

function decodePut(json: Json, load: Load): PutRequest {
  const put = { ...json, key: keyBytes(json['key'] as string), value: load(json['value'] as ValueRef) } as PutRequest;
  return typeof json['lease'] === 'string' ? { ...put, lease: leaseOf(json['lease']) } : put;
}

function decodeTxn(json: Json, load: Load): TxnRequest {
  return {
    compare: (json['compare'] as Json[]).map((c) => {
      const keys = decodeKeys<DeleteRangeRequest>(c);
      if (c['target'] === 'value') return { ...keys, value: load(c['value'] as ValueRef) } as unknown as Compare;
      if (c['target'] === 'lease') return { ...keys, lease: leaseOf(c['lease']) } as unknown as Compare;
      return keys as unknown as Compare;
    }),
    success: (json['success'] as Json[]).map((op) => decodeOp(op, load)),
    failure: (json['failure'] as Json[]).map((op) => decodeOp(op, load)),
  };
}

function decodeOp(json: Json, load: Load): RequestOp {
  if (json['put']) return { op: 'put', put: decodePut(json['put'] as Json, load) };
  if (json['range']) return { op: 'range', range: decodeKeys<RangeRequest>(json['range'] as Json) };
  if (json['deleteRange']) {
    return { op: 'deleteRange', deleteRange: decodeKeys<DeleteRangeRequest>(json['deleteRange'] as Json) };
  }
  return { op: 'txn', txn: decodeTxn(json['txn'] as Json, load) };
}

/** One readable line for `klab etcd raft log`. */
export function summarize(request: ProposedRequest): string {
  switch (request.kind) {
    case 'put':
      return putLine(request.put);
    case 'deleteRange':
      return `delete ${rangeLine(request.deleteRange)}`;
    case 'txn':
      return txnLine(request.txn);
    case 'compact':
      return `compact to revision ${request.revision}`;
    case 'leaseGrant':
      return `grant lease ${request.id.toString(16)} (${request.ttl} s)`;
    case 'leaseRevoke':
      return `revoke lease ${request.id.toString(16)}`;
    case 'auth':
      return authLine(request.change);
    case 'alarm':
      return `${request.action} alarm ${request.alarm}`;
    case 'member':
      return memberLine(request.change);
  }
}

function memberLine(change: MemberChange): string {
  if (change.op === 'add') {
    const { name, id, isLearner } = change.member;
    return `add ${isLearner ? 'learner' : 'member'} ${name} (${BigInt(id).toString(16)})`;
  }
  const urls = change.op === 'update' ? ` to ${change.peerUrls.join(', ')}` : '';
  return `${change.op} member ${BigInt(change.id).toString(16)}${urls}`;
}

function authLine(change: AuthChange): string {
  switch (change.op) {
    case 'enable':
    case 'disable':
      return `${change.op} authentication`;
    case 'authenticate':
      return `log in user ${change.name}`;
    case 'userGrantRole':
      return `grant role ${change.role} to user ${change.name}`;
    case 'userRevokeRole':
      return `revoke role ${change.role} from user ${change.name}`;
    case 'roleGrantPermission':
      return `grant ${change.permission.type} permission to role ${change.name}`;
    case 'roleRevokePermission':
      return `revoke a permission from role ${change.name}`;
    case 'userChangePassword':
      return `change the password of user ${change.name}`;
    default:
      return `${change.op.endsWith('Add') ? 'add' : 'delete'} ${change.op.slice(0, 4)} ${change.name}`;
  }
}

function text(key: Uint8Array): string {
  return Buffer.from(key).toString('utf8').replaceAll('\0', '\\0');
}

function putLine(put: PutRequest): string {
  const lease = put.lease ? `, lease ${put.lease.toString(16)}` : '';
  return `put ${text(put.key)} (${put.value.length} bytes${lease})`;
}

function rangeLine(request: RangeRequest | DeleteRangeRequest): string {
  return request.rangeEnd?.length ? `[${text(request.key)}, ${text(request.rangeEnd)})` : text(request.key);
}

const signs = { equal: '=', notEqual: '≠', greater: '>', less: '<' } as const;

function txnLine(txn: TxnRequest): string {
  const compare = txn.compare.map((c) => {
    const { key, result, target } = c;
    const what =
      c.target === 'mod'
        ? c.modRevision
        : c.target === 'create'
          ? c.createRevision
          : c.target === 'value'
            ? `${c.value.length} bytes`
            : c.target === 'version'
              ? c.version
              : c.lease;
    return `${target}(${text(key)}) ${signs[result]} ${what}`;
  });
  const ops = (list: readonly RequestOp[]) =>
    list
      .map((op) =>
        op.op === 'put'
          ? putLine(op.put)
          : op.op === 'txn'
            ? `(${txnLine(op.txn)})`
            : op.op === 'range'
              ? `get ${rangeLine(op.range)}`
              : `delete ${rangeLine(op.deleteRange)}`,
      )
      .join(', ');
  const condition = compare.length > 0 ? `if ${compare.join(' and ')} then ` : '';
  const otherwise = txn.failure.length > 0 ? ` else ${ops(txn.failure)}` : '';
  return `${condition}${ops(txn.success) || 'nothing'}${otherwise}`;
}
