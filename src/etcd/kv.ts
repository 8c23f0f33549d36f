/**
 * The KV interface: what klab's API server needs of a store, served by the embedded etcd and by a client of a real one.
 * Shapes follow etcd's rpc.proto; revisions and versions are safe integers here, lease IDs exact whatever a client has chosen.
 */
import type { LeaseId } from '../mvcc/index.ts';

/** Who wrote a revision and why (DESIGN section 6). Explicit below the client call; part of the Raft entry. */
export interface Provenance {
  /** `user:kubernetes-admin`, `controller:deployment`, `kubelet:node-1`, `etcd-client:127.0.0.1`. */
  readonly actor: string;
  /** Client software as it names itself, e.g. `kubectl/v1.35.0`. */
  readonly agent?: string;
  /** What triggered it: newest revision of the triggering object, or a timer. */
  readonly cause?: Cause;
}

export interface Cause {
  /** etcd key or `<resource>/<ns>/<name>` of the object whose change triggered this write; absent for timers. */
  readonly object?: string;
  /** Revision of that object that triggered the write. */
  readonly revision?: number;
  /** Causes merged into one reconcile. Default 1. */
  readonly count?: number;
  /** A resync, retry or timer instead of an object. */
  readonly timer?: string;
}

export interface KeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  /** Lease ID, 0 when none. */
  readonly lease: LeaseId;
}

export interface ResponseHeader {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly revision: number;
  readonly raftTerm: number;
}

export type SortOrder = 'none' | 'ascend' | 'descend';
export type SortTarget = 'key' | 'version' | 'create' | 'mod' | 'value';

export interface RangeRequest {
  readonly key: Uint8Array;
  /** Exclusive end; absent = the one key; `[0]` = all keys ≥ key. */
  readonly rangeEnd?: Uint8Array;
  readonly limit?: number;
  readonly revision?: number;
  readonly sortOrder?: SortOrder;
  readonly sortTarget?: SortTarget;
  readonly serializable?: boolean;
  readonly keysOnly?: boolean;
  readonly countOnly?: boolean;
  readonly minModRevision?: number;
  readonly maxModRevision?: number;
  readonly minCreateRevision?: number;
  readonly maxCreateRevision?: number;
}

export interface RangeResponse {
  readonly header: ResponseHeader;
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
  /** Keys in the range, whatever the limit. */
  readonly count: number;
}

export interface PutRequest {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly lease?: LeaseId;
  readonly prevKv?: boolean;
  readonly ignoreValue?: boolean;
  readonly ignoreLease?: boolean;
}

export interface PutResponse {
  readonly header: ResponseHeader;
  readonly prevKv?: KeyValue;
}

export interface DeleteRangeRequest {
  readonly key: Uint8Array;
  readonly rangeEnd?: Uint8Array;
  readonly prevKv?: boolean;
}

export interface DeleteRangeResponse {
  readonly header: ResponseHeader;
  readonly deleted: number;
  readonly prevKvs: readonly KeyValue[];
}

export type CompareTarget =
  | { readonly target: 'version'; readonly version: number }
  | { readonly target: 'create'; readonly createRevision: number }
  | { readonly target: 'mod'; readonly modRevision: number }
  | { readonly target: 'value'; readonly value: Uint8Array }
  | { readonly target: 'lease'; readonly lease: LeaseId };

export type Compare = CompareTarget & {
  readonly key: Uint8Array;
  readonly rangeEnd?: Uint8Array;
  readonly result: 'equal' | 'greater' | 'less' | 'notEqual';
};

export type RequestOp =
  | { readonly op: 'range'; readonly range: RangeRequest }
  | { readonly op: 'put'; readonly put: PutRequest }
  | { readonly op: 'deleteRange'; readonly deleteRange: DeleteRangeRequest }
  | { readonly op: 'txn'; readonly txn: TxnRequest };

export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly RequestOp[];
  readonly failure: readonly RequestOp[];
}

export type ResponseOp =
  | { readonly op: 'range'; readonly range: RangeResponse }
  | { readonly op: 'put'; readonly put: PutResponse }
  | { readonly op: 'deleteRange'; readonly deleteRange: DeleteRangeResponse }
  | { readonly op: 'txn'; readonly txn: TxnResponse };

export interface TxnResponse {
  readonly header: ResponseHeader;
  readonly succeeded: boolean;
  readonly responses: readonly ResponseOp[];
}

export interface WatchRequest {
  readonly key: Uint8Array;
  readonly rangeEnd?: Uint8Array;
  /** First revision wanted; absent or 0 = from now on. */
  readonly startRevision?: number;
  readonly prevKv?: boolean;
  /** Ask for an empty response with the current revision when nothing happened for a while. */
  readonly progressNotify?: boolean;
  readonly filters?: readonly ('noput' | 'nodelete')[];
}

export interface StoreEvent {
  readonly type: 'put' | 'delete';
  /** For deletes: key and modRevision of the tombstone, value empty. */
  readonly kv: KeyValue;
  readonly prevKv?: KeyValue;
}

/** All events of one revision come in one response; `revision` is the store's revision the watcher is complete up to. */
export interface WatchResponse {
  readonly revision: number;
  readonly events: readonly StoreEvent[];
  /** Set on the first response. */
  readonly created?: boolean;
  /** Set on the last: the watch is over. */
  readonly canceled?: boolean;
  readonly cancelReason?: string;
  /** With `canceled`: the start revision was compacted; the oldest that can be watched. */
  readonly compactRevision?: number;
}

/** A running watch: read it as an async iterable, `cancel()` ends it. Bounded: a reader too slow is cancelled. */
export interface WatchStream extends AsyncIterable<WatchResponse> {
  /** Asks for a progress response (revision, no events) as soon as the watch is caught up. */
  requestProgress(): void;
  cancel(): void;
}

export interface LeaseGrantResponse {
  readonly header: ResponseHeader;
  readonly id: LeaseId;
  /** Seconds. */
  readonly ttl: number;
}

export interface LeaseTimeToLiveResponse {
  readonly header: ResponseHeader;
  readonly id: LeaseId;
  /** Seconds left; −1 when the lease does not exist. */
  readonly ttl: number;
  readonly grantedTtl: number;
  readonly keys: readonly Uint8Array[];
}

export interface StatusResponse {
  readonly header: ResponseHeader;
  /** Emulated etcd version, `3.5.x`. */
  readonly version: string;
  readonly dbSize: number;
  readonly dbSizeInUse: number;
  readonly leader: bigint;
  readonly raftIndex: number;
  readonly raftTerm: number;
  readonly raftAppliedIndex: number;
}

export interface CallOptions {
  readonly provenance?: Provenance;
  /** The user of etcd's accounts, set by a member's door. Absent: the process itself, from which nothing is kept. */
  readonly auth?: { readonly user: string; readonly revision: number };
  readonly signal?: AbortSignal;
}

/** The subset of etcd v3 that everything in klab is written against. Errors: `EtcdError`. */
export interface KV {
  range(request: RangeRequest, options?: CallOptions): Promise<RangeResponse>;
  put(request: PutRequest, options?: CallOptions): Promise<PutResponse>;
  deleteRange(request: DeleteRangeRequest, options?: CallOptions): Promise<DeleteRangeResponse>;
  txn(request: TxnRequest, options?: CallOptions): Promise<TxnResponse>;
  compact(revision: number, options?: CallOptions & { readonly physical?: boolean }): Promise<ResponseHeader>;
  watch(request: WatchRequest): WatchStream;
  leaseGrant(request: { ttl: number; id?: LeaseId }, options?: CallOptions): Promise<LeaseGrantResponse>;
  leaseRevoke(id: LeaseId, options?: CallOptions): Promise<ResponseHeader>;
  /** One keep-alive. `ttl` 0 means the lease is gone. */
  leaseKeepAlive(id: LeaseId, options?: CallOptions): Promise<LeaseGrantResponse>;
  leaseTimeToLive(id: LeaseId, withKeys?: boolean, options?: CallOptions): Promise<LeaseTimeToLiveResponse>;
  leases(options?: CallOptions): Promise<readonly LeaseId[]>;
  status(options?: CallOptions): Promise<StatusResponse>;
}

/** gRPC status codes that etcd's errors carry. */
export type EtcdErrorCode =
  | 'InvalidArgument'
  | 'NotFound'
  | 'OutOfRange'
  | 'FailedPrecondition'
  | 'ResourceExhausted'
  | 'Unavailable'
  | 'DeadlineExceeded'
  | 'Unimplemented'
  | 'PermissionDenied'
  | 'Unauthenticated'
  | 'Internal'
  | 'DataLoss'
  | 'Unknown'
  | 'Canceled';

/** An error as etcd's v3rpc package words it; `message` is etcd's own, e.g. `etcdserver: mvcc: required revision has been compacted`. */
export class EtcdError extends Error {
  override readonly name = 'EtcdError';
  readonly code: EtcdErrorCode;
  constructor(code: EtcdErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export const errCompacted = 'etcdserver: mvcc: required revision has been compacted';
export const errFutureRev = 'etcdserver: mvcc: required revision is a future revision';
export const errNoSpace = 'etcdserver: mvcc: database space exceeded';

export function isCompacted(error: unknown): error is EtcdError {
  return error instanceof EtcdError && error.code === 'OutOfRange' && error.message === errCompacted;
}

export function isFutureRevision(error: unknown): error is EtcdError {
  return error instanceof EtcdError && error.code === 'OutOfRange' && error.message === errFutureRev;
}

/** One past revision of one key, as klab's own history keeps it beyond etcd's compaction. */
export interface HistoryEntry {
  readonly key: Uint8Array;
  readonly revision: number;
  readonly version: number;
  readonly createRevision: number;
  readonly lease: LeaseId;
  /** Absent for a tombstone. */
  readonly value?: Uint8Array;
  readonly provenance?: Provenance;
  /** Cluster-clock ms at which it was applied. */
  readonly time: number;
}

/** What the embedded store offers beyond etcd. A real etcd gets it from a local side database. */
export interface History {
  /** Newest first. */
  history(key: Uint8Array, options?: { limit?: number; before?: number }): readonly HistoryEntry[];
  /** Every change in (from, to], oldest first. */
  changes(range: { from: number; to: number; prefix?: Uint8Array; limit?: number }): readonly HistoryEntry[];
}
