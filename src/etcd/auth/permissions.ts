/** Who may read and write what. Upstream: server/auth/store.go (isOpPermitted), server/etcdserver/apply_auth.go. */
import type { LeaseId } from '../../mvcc/index.ts';
import { keyString } from '../../mvcc/index.ts';
import { etcdError } from '../errors.ts';
import type { DeleteRangeRequest, PutRequest, RequestOp, TxnRequest } from '../kv.ts';
import type { ProposedRequest } from '../proposal.ts';
import { type AuthInfo, type AuthState, findNamed, type Permission, root } from './state.ts';

type Access = 'read' | 'write';

/** `end` undefined = to the last key. */
interface Span {
  readonly start: string;
  readonly end: string | undefined;
}

/** First key after `key`. */
const successor = (key: string) => `${key}\0`;

function span(key: string, rangeEnd: string): Span {
  if (rangeEnd === '') return { start: key, end: successor(key) };
  return { start: key, end: rangeEnd === '\0' ? undefined : rangeEnd };
}

export function isRoot(state: AuthState, name: string): boolean {
  return findNamed(state.users, name)?.roles.includes(root) ?? false;
}

/** Throws UserEmpty, AuthOldRevision, PermissionDenied. `info` undefined is the process itself. */
export function checkAccess(
  state: AuthState,
  info: AuthInfo | undefined,
  access: Access,
  key: Uint8Array | string,
  rangeEnd?: Uint8Array,
): void {
  if (!state.enabled || !info) return;
  if (info.user === '') throw etcdError('UserEmpty');
  if (info.revision < state.revision) throw etcdError('AuthOldRevision');
  const found = findNamed(state.users, info.user);
  if (!found) throw etcdError('PermissionDenied');
  if (found.roles.includes(root)) return;
  const wanted = span(typeof key === 'string' ? key : keyString(key), rangeEnd ? keyString(rangeEnd) : '');
  const granted: Permission[] = [];
  for (const name of found.roles) {
    for (const permission of findNamed(state.roles, name)?.permissions ?? []) {
      if (permission.type === access || permission.type === 'readwrite') granted.push(permission);
    }
  }
  if (!covers(granted, wanted)) throw etcdError('PermissionDenied');
}

/** Whether the granted ranges together hold all of `wanted`. */
function covers(granted: readonly Permission[], wanted: Span): boolean {
  const spans = granted.map(({ key, rangeEnd }) => span(key, rangeEnd)).sort((a, b) => (a.start < b.start ? -1 : 1));
  let reached = wanted.start;
  for (const { start, end } of spans) {
    if (start > reached) return false;
    if (end === undefined) return true;
    if (end > reached) reached = end;
    if (wanted.end !== undefined && reached >= wanted.end) return true;
  }
  return false;
}

/** Throws UserEmpty, PermissionDenied. */
export function checkAdmin(state: AuthState, info: AuthInfo | undefined): void {
  if (!state.enabled || !info) return;
  if (info.user === '') throw etcdError('UserEmpty');
  if (!isRoot(state, info.user)) throw etcdError('PermissionDenied');
}

/** Keys attached to a lease, as latin1 strings. */
export type LeaseKeys = (lease: LeaseId) => Iterable<string>;

/** What an entry may do, decided when it is applied: accounts may have changed since it was proposed. */
export function checkRequest(
  state: AuthState,
  info: AuthInfo | undefined,
  request: ProposedRequest,
  leaseKeys: LeaseKeys,
): void {
  if (!state.enabled || !info) return;
  const check = { state, info, leaseKeys };
  switch (request.kind) {
    case 'put':
      checkPut(check, request.put);
      break;
    case 'deleteRange':
      checkDelete(check, request.deleteRange);
      break;
    case 'txn':
      checkTxn(check, request.txn);
      break;
    case 'leaseRevoke':
      checkLease(check, request.id);
      break;
    case 'auth':
      // Everybody may log in.
      if (request.change.op !== 'authenticate') checkAdmin(state, info);
      break;
  }
}

interface Check {
  readonly state: AuthState;
  readonly info: AuthInfo;
  readonly leaseKeys: LeaseKeys;
}

function checkPut({ state, info, leaseKeys }: Check, put: PutRequest): void {
  checkAccess(state, info, 'write', put.key);
  // A key joins a lease, and dies with it: whoever attaches it must be able to write all that is attached.
  if (put.lease) checkLease({ state, info, leaseKeys }, put.lease);
  if (put.prevKv) checkAccess(state, info, 'read', put.key);
}

function checkLease({ state, info, leaseKeys }: Check, lease: LeaseId): void {
  for (const key of leaseKeys(lease)) checkAccess(state, info, 'write', key);
}

function checkDelete({ state, info }: Check, request: DeleteRangeRequest): void {
  checkAccess(state, info, 'write', request.key, request.rangeEnd);
  if (request.prevKv) checkAccess(state, info, 'read', request.key, request.rangeEnd);
}

function checkTxn(check: Check, txn: TxnRequest): void {
  for (const { key, rangeEnd } of txn.compare) checkAccess(check.state, check.info, 'read', key, rangeEnd);
  // Both branches: what a transaction answers must not depend on what its sender may not see.
  for (const op of txn.success) checkOp(check, op);
  for (const op of txn.failure) checkOp(check, op);
}

function checkOp(check: Check, op: RequestOp): void {
  if (op.op === 'range') checkAccess(check.state, check.info, 'read', op.range.key, op.range.rangeEnd);
  else if (op.op === 'put') checkPut(check, op.put);
  else if (op.op === 'deleteRange') checkDelete(check, op.deleteRange);
  else checkTxn(check, op.txn);
}
