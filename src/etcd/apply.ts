import { assert } from '../base/index.ts';
import {
  compareLeaseIds,
  emptyBytes,
  isDamage,
  keyRange,
  keyString,
  type Store,
  type WriteTxn,
} from '../mvcc/index.ts';
import { asEtcdError, etcdError } from './errors.ts';
import {
  type Compare,
  type DeleteRangeRequest,
  type DeleteRangeResponse,
  EtcdError,
  type KeyValue,
  type PutRequest,
  type PutResponse,
  type RequestOp,
  type ResponseHeader,
  type ResponseOp,
  type TxnRequest,
  type TxnResponse,
} from './kv.ts';
import type { Applied, Proposal } from './proposal.ts';
import { executeRange } from './range.ts';

/** What an entry did: the answer for whoever proposed it, or etcd's error. */
export interface Outcome {
  readonly response?: unknown;
  readonly error?: EtcdError;
  readonly applied: Applied;
}

type HeaderAt = (revision: number) => ResponseHeader;

/** The header of an operation in a transaction: cluster, member and term stand in the transaction's own. */
export const revisionOnly: HeaderAt = (revision) => ({ clusterId: 0n, memberId: 0n, revision, raftTerm: 0 });

/**
 * Executes an entry on a store. The same entry on the same state has the same outcome on every member: nothing here
 * reads a clock or anything but store and entry. Upstream: etcd server/etcdserver/apply.go.
 */
export class Applier {
  readonly #store: Store;
  readonly #header: HeaderAt;
  readonly #puts: { put: PutRequest; sub: number }[] = [];

  constructor(store: Store, header: HeaderAt) {
    this.#store = store;
    this.#header = header;
  }

  /** `index` is the entry's. Alarms are the caller's business. */
  apply(proposal: Proposal, index: number): Outcome {
    const before = this.#store.revision;
    try {
      const response = this.#execute(proposal, index);
      const { revision } = this.#store;
      return { response, applied: { puts: this.#puts, revision: revision === before ? undefined : revision } };
    } catch (error) {
      const known = asEtcdError(error);
      if (!(known instanceof EtcdError)) throw error;
      assert(this.#store.revision === before, 'an entry failed half way');
      return { error: known, applied: { puts: [] } };
    }
  }

  #execute(proposal: Proposal, index: number): unknown {
    const { request, time, provenance } = proposal;
    const store = this.#store;
    switch (request.kind) {
      case 'put':
        return this.#single(proposal, (txn) => {
          this.#checkPut(txn, request.put);
          return this.#put(txn, request.put, this.#header);
        });
      case 'deleteRange':
        return this.#single(proposal, (txn) => this.#deleteRange(txn, request.deleteRange, this.#header));
      case 'txn':
        return this.#single(proposal, (txn) => {
          const path = this.#choose(txn, request.txn);
          this.#checkOps(txn, request.txn, path);
          const { succeeded, responses } = this.#txn(txn, request.txn, path);
          return { header: this.#header(txn.revision), succeeded, responses };
        });
      case 'compact':
        store.compact(request.revision);
        return this.#header(store.revision);
      case 'leaseGrant': {
        const ttl = store.grantLease(request.id, request.ttl, index);
        return { header: this.#header(store.revision), id: request.id, ttl };
      }
      case 'leaseRevoke':
        store.revokeLease(request.id, index, time, provenance);
        return this.#header(store.revision);
      case 'auth':
      case 'alarm':
      case 'member':
        return this.#header(store.revision);
    }
  }

  #single<T>(proposal: Proposal, work: (txn: WriteTxn) => T): T {
    const txn = this.#store.write(proposal.time, proposal.provenance);
    let response: T;
    try {
      response = work(txn);
    } catch (error) {
      // Half of a transaction cannot be taken back here: the cluster stops before anybody is told of it.
      if (txn.changed && isDamage(error)) throw new Error(error.message, { cause: error });
      throw error;
    }
    txn.end();
    return response;
  }

  /** Fails before anything changes: a transaction is all or nothing. */
  #checkPut(txn: WriteTxn, put: PutRequest): void {
    if (put.lease && !put.ignoreLease && !this.#store.lessor.get(put.lease)) throw etcdError('LeaseNotFound');
    if ((put.ignoreValue || put.ignoreLease) && !txn.keyValue(keyString(put.key))) throw etcdError('KeyNotFound');
  }

  #checkOps(txn: WriteTxn, request: TxnRequest, path: boolean[]): void {
    let at = 0;
    const visit = (t: TxnRequest) => {
      for (const op of path[at++] ? t.success : t.failure) {
        if (op.op === 'put') this.#checkPut(txn, op.put);
        else if (op.op === 'txn') visit(op.txn);
        else if (op.op === 'range') {
          const { revision = 0 } = op.range;
          if (revision > txn.revision) throw etcdError('FutureRev');
          // As there, where a store that was never compacted counts as compacted at -1.
          if (revision !== 0 && revision < (this.#store.compactRevision || -1)) throw etcdError('Compacted');
        }
      }
    };
    visit(request);
  }

  /** Which branch every transaction takes, nested ones in order of execution: decided on the state before. */
  #choose(txn: WriteTxn, request: TxnRequest): boolean[] {
    const path: boolean[] = [];
    const visit = (t: TxnRequest) => {
      const succeeded = t.compare.every((compare) => this.#compare(txn, compare));
      path.push(succeeded);
      for (const op of succeeded ? t.success : t.failure) if (op.op === 'txn') visit(op.txn);
    };
    visit(request);
    return path;
  }

  #txn(txn: WriteTxn, request: TxnRequest, path: boolean[]): TxnResponse {
    const succeeded = path.shift()!;
    const responses = (succeeded ? request.success : request.failure).map((op) => this.#op(txn, op, path));
    // That of a nested one says nothing.
    return { header: revisionOnly(0), succeeded, responses };
  }

  #op(txn: WriteTxn, op: RequestOp, path: boolean[]): ResponseOp {
    switch (op.op) {
      case 'range': {
        const revision = Math.max(0, op.range.revision ?? 0);
        const read = (range: Parameters<WriteTxn['range']>[0], options: Parameters<WriteTxn['range']>[2]) =>
          txn.range(range, revision, options);
        return { op: 'range', range: executeRange(op.range, read, revisionOnly(txn.revision)) };
      }
      case 'put':
        return { op: 'put', put: this.#put(txn, op.put, revisionOnly) };
      case 'deleteRange':
        return { op: 'deleteRange', deleteRange: this.#deleteRange(txn, op.deleteRange, revisionOnly) };
      case 'txn':
        return { op: 'txn', txn: this.#txn(txn, op.txn, path) };
    }
  }

  #put(txn: WriteTxn, put: PutRequest, headerAt: HeaderAt): PutResponse {
    const before = put.prevKv || put.ignoreValue || put.ignoreLease ? txn.keyValue(keyString(put.key)) : undefined;
    const { sub } = txn.next;
    const value = put.ignoreValue ? before!.value : put.value;
    const lease = put.ignoreLease ? before!.lease : (put.lease ?? 0);
    txn.put(put.key, value, lease);
    if (!put.ignoreValue) this.#puts.push({ put, sub });
    const header = headerAt(txn.revision);
    return put.prevKv && before ? { header, prevKv: before } : { header };
  }

  #deleteRange(txn: WriteTxn, request: DeleteRangeRequest, headerAt: HeaderAt): DeleteRangeResponse {
    const range = keyRange(request.key, request.rangeEnd);
    const prevKvs: KeyValue[] = request.prevKv ? txn.range(range, 0, {}).kvs : [];
    const deleted = txn.deleteRange(range);
    return { header: headerAt(txn.revision), deleted, prevKvs };
  }

  #compare(txn: WriteTxn, compare: Compare): boolean {
    const range = keyRange(compare.key, compare.rangeEnd);
    if (range.single) return compareOne(compare, txn.keyValue(range.start));
    const { kvs } = txn.range(range, 0, {});
    return kvs.length === 0 ? compareOne(compare, undefined) : kvs.every((kv) => compareOne(compare, kv));
  }
}

/** Whether a comparison holds for a key; `kv` undefined = it is not there. */
export function compareOne(compare: Compare, kv: KeyValue | undefined): boolean {
  let order: number;
  switch (compare.target) {
    case 'value':
      // A missing key has no value, not even the empty one.
      if (!kv) return false;
      order = Buffer.compare(kv.value, compare.value ?? emptyBytes);
      break;
    case 'create':
      order = (kv?.createRevision ?? 0) - compare.createRevision;
      break;
    case 'mod':
      order = (kv?.modRevision ?? 0) - compare.modRevision;
      break;
    case 'version':
      order = (kv?.version ?? 0) - compare.version;
      break;
    case 'lease':
      order = compareLeaseIds(kv?.lease ?? 0, compare.lease);
      break;
  }
  switch (compare.result) {
    case 'equal':
      return order === 0;
    case 'notEqual':
      return order !== 0;
    case 'greater':
      return order > 0;
    case 'less':
      return order < 0;
  }
}
