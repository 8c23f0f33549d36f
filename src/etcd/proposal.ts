import type { LeaseId } from '../mvcc/index.ts';
import type { ConfChange, Entry } from '../raft/index.ts';
import type { AuthChange, AuthInfo } from './auth/state.ts';
import type { DeleteRangeRequest, Provenance, PutRequest, RequestOp, TxnRequest } from './kv.ts';
import { confChangeOf, type MemberChange, type Membership } from './membership.ts';
import type { AlarmType } from './server-api.ts';

export type ProposedRequest =
  | { readonly kind: 'member'; readonly change: MemberChange }
  | { readonly kind: 'auth'; readonly change: AuthChange }
  | { readonly kind: 'put'; readonly put: PutRequest }
  | { readonly kind: 'deleteRange'; readonly deleteRange: DeleteRangeRequest }
  | { readonly kind: 'txn'; readonly txn: TxnRequest }
  | { readonly kind: 'compact'; readonly revision: number }
  | { readonly kind: 'leaseGrant'; readonly id: LeaseId; readonly ttl: number }
  | { readonly kind: 'leaseRevoke'; readonly id: LeaseId }
  | {
      readonly kind: 'alarm';
      readonly action: 'activate' | 'deactivate';
      /** Node ID (1, 2, …); 0 = every member. */
      readonly member: number;
      readonly alarm: AlarmType;
    };

/** What a Raft entry of klab's etcd holds. */
export interface Proposal {
  /** Unique over all members and restarts. */
  readonly id: number;
  /** Node ID of the member a client spoke to. */
  readonly member: number;
  /** Cluster-clock ms at which it was proposed: the time of the revisions it makes, on every member. */
  readonly time: number;
  readonly provenance?: Provenance;
  /** Who asked, when accounts were enabled and somebody outside did. */
  readonly auth?: AuthInfo;
  readonly request: ProposedRequest;
  /** Bytes, as etcd would encode it. */
  readonly size: number;
  /** Set when the entry was first applied. */
  applied?: Applied;
}

export interface Applied {
  /** First and last revision made; equal, as one entry makes one at most; absent when none. */
  readonly revision?: number;
  /** Puts that were executed, in order, with the `sub` of the revision each made. */
  readonly puts: readonly { readonly put: PutRequest; readonly sub: number }[];
}

/** The proposal in an entry; a change of members is one inside of Raft's own. Undefined in a new leader's first entry. */
export function proposalOf({ type, data }: Entry): Proposal | undefined {
  return (type === 'confChange' ? (data as ConfChange).context : data) as Proposal | undefined;
}

/** A proposal as Raft takes it. */
export function entryOf(proposal: Proposal, membership: Membership): Pick<Entry, 'type' | 'data' | 'size'> {
  const { request, size } = proposal;
  if (request.kind !== 'member') return { type: 'normal', data: proposal, size };
  return { type: 'confChange', data: confChangeOf(membership, request.change, proposal), size };
}

/** True when a request can make the database larger: what quota and the NOSPACE alarm stop. */
export function needsSpace(request: ProposedRequest): boolean {
  if (request.kind === 'txn') return txnPuts(request.txn);
  return request.kind === 'put' || request.kind === 'leaseGrant';
}

/** True when the CORRUPT alarm stops a request. What only reads goes on. Upstream: applierV3Corrupt. */
export function touchesStore(request: ProposedRequest): boolean {
  switch (request.kind) {
    case 'put':
    case 'deleteRange':
    case 'compact':
    case 'leaseGrant':
    case 'leaseRevoke':
      return true;
    case 'txn':
      return !isReadOnly(request.txn);
    default:
      return false;
  }
}

/** All its operations are ranges. One with a nested transaction is none, whatever that does: so it is there. */
export function isReadOnly(txn: TxnRequest): boolean {
  const reads = ({ op }: RequestOp) => op === 'range';
  return txn.success.every(reads) && txn.failure.every(reads);
}

function txnPuts(txn: TxnRequest): boolean {
  const puts = (op: RequestOp) => op.op === 'put' || (op.op === 'txn' && txnPuts(op.txn));
  return txn.success.some(puts) || txn.failure.some(puts);
}
