import { isDamage, MvccError } from '../mvcc/index.ts';
import { EtcdError, type EtcdErrorCode, errCompacted, errFutureRev, errNoSpace } from './kv.ts';

/** etcd's errors by name. Upstream: etcd api/v3rpc/rpctypes/error.go. */
const table = {
  EmptyKey: ['InvalidArgument', 'etcdserver: key is not provided'],
  KeyNotFound: ['InvalidArgument', 'etcdserver: key not found'],
  ValueProvided: ['InvalidArgument', 'etcdserver: value is provided'],
  LeaseProvided: ['InvalidArgument', 'etcdserver: lease is provided'],
  TooManyOps: ['InvalidArgument', 'etcdserver: too many operations in txn request'],
  DuplicateKey: ['InvalidArgument', 'etcdserver: duplicate key given in txn request'],
  Compacted: ['OutOfRange', errCompacted],
  FutureRev: ['OutOfRange', errFutureRev],
  NoSpace: ['ResourceExhausted', errNoSpace],
  Corrupt: ['DataLoss', 'etcdserver: corrupt cluster'],
  LeaseNotFound: ['NotFound', 'etcdserver: requested lease not found'],
  LeaseExist: ['FailedPrecondition', 'etcdserver: lease already exists'],
  LeaseTTLTooLarge: ['OutOfRange', 'etcdserver: too large lease TTL'],
  MemberNotFound: ['NotFound', 'etcdserver: member not found'],
  MemberExist: ['FailedPrecondition', 'etcdserver: member ID already exist'],
  PeerUrlExist: ['FailedPrecondition', 'etcdserver: Peer URLs already exists'],
  MemberNotEnoughStarted: [
    'FailedPrecondition',
    'etcdserver: re-configuration failed due to not enough started members',
  ],
  MemberBadURLs: ['InvalidArgument', 'etcdserver: given member URLs are invalid'],
  MemberNotLearner: ['FailedPrecondition', 'etcdserver: can only promote a learner member'],
  LearnerNotReady: ['FailedPrecondition', 'etcdserver: can only promote a learner member which is in sync with leader'],
  TooManyLearners: ['FailedPrecondition', 'etcdserver: too many learner members in cluster'],
  Unhealthy: ['Unavailable', 'etcdserver: unhealthy cluster'],
  NotSupportedForLearner: ['Unavailable', 'etcdserver: rpc not supported for learner'],
  RequestTooLarge: ['InvalidArgument', 'etcdserver: request is too large'],
  TooManyRequests: ['ResourceExhausted', 'etcdserver: too many requests'],
  NoLeader: ['Unavailable', 'etcdserver: no leader'],
  NotLeader: ['FailedPrecondition', 'etcdserver: not leader'],
  BadLeaderTransferee: ['FailedPrecondition', 'etcdserver: bad leader transferee'],
  RootUserNotExist: ['FailedPrecondition', 'etcdserver: root user does not exist'],
  RootRoleNotExist: ['FailedPrecondition', 'etcdserver: root user does not have root role'],
  UserAlreadyExist: ['FailedPrecondition', 'etcdserver: user name already exists'],
  UserEmpty: ['InvalidArgument', 'etcdserver: user name is empty'],
  UserNotFound: ['FailedPrecondition', 'etcdserver: user name not found'],
  RoleAlreadyExist: ['FailedPrecondition', 'etcdserver: role name already exists'],
  RoleEmpty: ['InvalidArgument', 'etcdserver: role name is empty'],
  RoleNotFound: ['FailedPrecondition', 'etcdserver: role name not found'],
  RoleNotGranted: ['FailedPrecondition', 'etcdserver: role is not granted to the user'],
  PermissionNotGiven: ['InvalidArgument', 'etcdserver: permission not given'],
  PermissionNotGranted: ['FailedPrecondition', 'etcdserver: permission is not granted to the role'],
  PermissionDenied: ['PermissionDenied', 'etcdserver: permission denied'],
  AuthFailed: ['InvalidArgument', 'etcdserver: authentication failed, invalid user ID or password'],
  AuthNotEnabled: ['FailedPrecondition', 'etcdserver: authentication is not enabled'],
  AuthOldRevision: ['InvalidArgument', 'etcdserver: revision of auth store is old'],
  InvalidAuthToken: ['Unauthenticated', 'etcdserver: invalid auth token'],
  InvalidAuthMgmt: ['InvalidArgument', 'etcdserver: invalid auth management'],
  Stopped: ['Unavailable', 'etcdserver: server stopped'],
  Timeout: ['Unavailable', 'etcdserver: request timed out'],
  TimeoutDueToLeaderFail: ['Unavailable', 'etcdserver: request timed out, possibly due to previous leader failure'],
  TimeoutDueToConnectionLost: ['Unavailable', 'etcdserver: request timed out, possibly due to connection lost'],
} as const satisfies Record<string, readonly [EtcdErrorCode, string]>;

export type EtcdErrorName = keyof typeof table;

export function etcdError(name: EtcdErrorName): EtcdError {
  const [code, message] = table[name];
  return new EtcdError(code, message);
}

const fromMvcc: Record<MvccError['code'], EtcdErrorName> = {
  Compacted: 'Compacted',
  FutureRevision: 'FutureRev',
  LeaseNotFound: 'LeaseNotFound',
  LeaseExists: 'LeaseExist',
  LeaseTTLTooLarge: 'LeaseTTLTooLarge',
  KeyNotFound: 'KeyNotFound',
  TooManyChanges: 'RequestTooLarge',
};

/** An error of the store in etcd's words; anything else is klab's own fault and passes. */
export function asEtcdError(error: unknown): unknown {
  if (error instanceof MvccError) return etcdError(fromMvcc[error.code]);
  return isDamage(error) ? new EtcdError('DataLoss', error.message) : error;
}
