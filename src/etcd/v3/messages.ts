/**
 * etcd's v3 messages (rpc.proto and kv.proto of 3.5) as tables. Revisions and counts are numbers, lease IDs exact,
 * cluster and member IDs bigints.
 */
import {
  bigUint64,
  bool,
  bytes,
  enumeration,
  exactInt64,
  type Infer,
  int64,
  type MessageType,
  message,
  nested,
  oneof,
  repeated,
  string,
  uint32,
  uint64,
} from '../../wire/index.ts';

export const ResponseHeader = message('etcdserverpb.ResponseHeader', {
  clusterId: bigUint64(1),
  memberId: bigUint64(2),
  revision: int64(3),
  raftTerm: uint64(4),
});

const header = nested(1, ResponseHeader);
const headerOnly = (name: string) => message(`etcdserverpb.${name}`, { header });
const empty = (name: string) => message(`etcdserverpb.${name}`, {});

export const KeyValue = message('mvccpb.KeyValue', {
  key: bytes(1),
  createRevision: int64(2),
  modRevision: int64(3),
  version: int64(4),
  value: bytes(5),
  lease: exactInt64(6),
});

/** 0 put, 1 delete. */
export const Event = message('mvccpb.Event', {
  type: enumeration(1),
  kv: nested(2, KeyValue),
  prevKv: nested(3, KeyValue),
});

export const RangeRequest = message('etcdserverpb.RangeRequest', {
  key: bytes(1),
  rangeEnd: bytes(2),
  limit: int64(3),
  revision: int64(4),
  sortOrder: enumeration(5),
  sortTarget: enumeration(6),
  serializable: bool(7),
  keysOnly: bool(8),
  countOnly: bool(9),
  minModRevision: int64(10),
  maxModRevision: int64(11),
  minCreateRevision: int64(12),
  maxCreateRevision: int64(13),
});

export const RangeResponse = message('etcdserverpb.RangeResponse', {
  header,
  kvs: repeated(nested(2, KeyValue)),
  more: bool(3),
  count: int64(4),
});

export const PutRequest = message('etcdserverpb.PutRequest', {
  key: bytes(1),
  value: bytes(2),
  lease: exactInt64(3),
  prevKv: bool(4),
  ignoreValue: bool(5),
  ignoreLease: bool(6),
});

export const PutResponse = message('etcdserverpb.PutResponse', { header, prevKv: nested(2, KeyValue) });

export const DeleteRangeRequest = message('etcdserverpb.DeleteRangeRequest', {
  key: bytes(1),
  rangeEnd: bytes(2),
  prevKv: bool(3),
});

export const DeleteRangeResponse = message('etcdserverpb.DeleteRangeResponse', {
  header,
  deleted: int64(2),
  prevKvs: repeated(nested(3, KeyValue)),
});

/** result: 0 equal, 1 greater, 2 less, 3 not equal. target: 0 version, 1 create, 2 mod, 3 value, 4 lease. */
export const Compare = message('etcdserverpb.Compare', {
  result: enumeration(1),
  target: enumeration(2),
  key: bytes(3),
  ...oneof('targetUnion', {
    version: int64(4),
    createRevision: int64(5),
    modRevision: int64(6),
    value: bytes(7),
    lease: exactInt64(8),
  }),
  rangeEnd: bytes(64),
});

export interface RequestOpMessage {
  range?: Infer<typeof RangeRequest>;
  put?: Infer<typeof PutRequest>;
  deleteRange?: Infer<typeof DeleteRangeRequest>;
  txn?: TxnRequestMessage;
}

export interface TxnRequestMessage {
  compare: Infer<typeof Compare>[];
  success: RequestOpMessage[];
  failure: RequestOpMessage[];
}

export interface ResponseOpMessage {
  range?: Infer<typeof RangeResponse>;
  put?: Infer<typeof PutResponse>;
  deleteRange?: Infer<typeof DeleteRangeResponse>;
  txn?: TxnResponseMessage;
}

export interface TxnResponseMessage {
  header?: Infer<typeof ResponseHeader>;
  succeeded: boolean;
  responses: ResponseOpMessage[];
}

const RequestOp: MessageType<RequestOpMessage> = message<RequestOpMessage>(
  'etcdserverpb.RequestOp',
  oneof('request', {
    range: nested(1, RangeRequest),
    put: nested(2, PutRequest),
    deleteRange: nested(3, DeleteRangeRequest),
    txn: nested(4, (): MessageType<TxnRequestMessage> => TxnRequest),
  }),
);

export const TxnRequest: MessageType<TxnRequestMessage> = message<TxnRequestMessage>('etcdserverpb.TxnRequest', {
  compare: repeated(nested(1, Compare)),
  success: repeated(nested(2, RequestOp)),
  failure: repeated(nested(3, RequestOp)),
});

const ResponseOp: MessageType<ResponseOpMessage> = message<ResponseOpMessage>(
  'etcdserverpb.ResponseOp',
  oneof('response', {
    range: nested(1, RangeResponse),
    put: nested(2, PutResponse),
    deleteRange: nested(3, DeleteRangeResponse),
    txn: nested(4, (): MessageType<TxnResponseMessage> => TxnResponse),
  }),
);

export const TxnResponse: MessageType<TxnResponseMessage> = message<TxnResponseMessage>('etcdserverpb.TxnResponse', {
  header,
  succeeded: bool(2),
  responses: repeated(nested(3, ResponseOp)),
});

export const CompactionRequest = message('etcdserverpb.CompactionRequest', { revision: int64(1), physical: bool(2) });
export const CompactionResponse = headerOnly('CompactionResponse');

export const WatchCreateRequest = message('etcdserverpb.WatchCreateRequest', {
  key: bytes(1),
  rangeEnd: bytes(2),
  startRevision: int64(3),
  progressNotify: bool(4),
  /** 0 no puts, 1 no deletes. */
  filters: repeated(enumeration(5)),
  prevKv: bool(6),
  watchId: int64(7),
  fragment: bool(8),
});

export const WatchRequest = message(
  'etcdserverpb.WatchRequest',
  oneof('requestUnion', {
    create: nested(1, WatchCreateRequest),
    cancel: nested(2, message('etcdserverpb.WatchCancelRequest', { watchId: int64(1) })),
    progress: nested(3, empty('WatchProgressRequest')),
  }),
);

export const WatchResponse = message('etcdserverpb.WatchResponse', {
  header,
  watchId: int64(2),
  created: bool(3),
  canceled: bool(4),
  compactRevision: int64(5),
  cancelReason: string(6),
  fragment: bool(7),
  events: repeated(nested(11, Event)),
});

export const LeaseGrantRequest = message('etcdserverpb.LeaseGrantRequest', { ttl: int64(1), id: exactInt64(2) });
export const LeaseGrantResponse = message('etcdserverpb.LeaseGrantResponse', {
  header,
  id: exactInt64(2),
  ttl: int64(3),
  error: string(4),
});
export const LeaseRevokeRequest = message('etcdserverpb.LeaseRevokeRequest', { id: exactInt64(1) });
export const LeaseRevokeResponse = headerOnly('LeaseRevokeResponse');
export const LeaseKeepAliveRequest = message('etcdserverpb.LeaseKeepAliveRequest', { id: exactInt64(1) });
export const LeaseKeepAliveResponse = message('etcdserverpb.LeaseKeepAliveResponse', {
  header,
  id: exactInt64(2),
  ttl: int64(3),
});
export const LeaseTimeToLiveRequest = message('etcdserverpb.LeaseTimeToLiveRequest', {
  id: exactInt64(1),
  keys: bool(2),
});
export const LeaseTimeToLiveResponse = message('etcdserverpb.LeaseTimeToLiveResponse', {
  header,
  id: exactInt64(2),
  ttl: int64(3),
  grantedTtl: int64(4),
  keys: repeated(bytes(5)),
});
export const LeaseLeasesRequest = empty('LeaseLeasesRequest');
export const LeaseLeasesResponse = message('etcdserverpb.LeaseLeasesResponse', {
  header,
  leases: repeated(nested(2, message('etcdserverpb.LeaseStatus', { id: exactInt64(1) }))),
});

export const Member = message('etcdserverpb.Member', {
  id: bigUint64(1),
  name: string(2),
  peerUrls: repeated(string(3)),
  clientUrls: repeated(string(4)),
  isLearner: bool(5),
});
export const MemberListRequest = message('etcdserverpb.MemberListRequest', { linearizable: bool(1) });
export const MemberListResponse = message('etcdserverpb.MemberListResponse', {
  header,
  members: repeated(nested(2, Member)),
});

export const MemberAddRequest = message('etcdserverpb.MemberAddRequest', {
  peerUrls: repeated(string(1)),
  isLearner: bool(2),
});
export const MemberAddResponse = message('etcdserverpb.MemberAddResponse', {
  header,
  member: nested(2, Member),
  members: repeated(nested(3, Member)),
});
export const MemberRemoveRequest = message('etcdserverpb.MemberRemoveRequest', { id: bigUint64(1) });
export const MemberRemoveResponse = message('etcdserverpb.MemberRemoveResponse', {
  header,
  members: repeated(nested(2, Member)),
});
export const MemberPromoteRequest = message('etcdserverpb.MemberPromoteRequest', { id: bigUint64(1) });
export const MemberPromoteResponse = message('etcdserverpb.MemberPromoteResponse', {
  header,
  members: repeated(nested(2, Member)),
});
export const MemberUpdateRequest = message('etcdserverpb.MemberUpdateRequest', {
  id: bigUint64(1),
  peerUrls: repeated(string(2)),
});
export const MemberUpdateResponse = message('etcdserverpb.MemberUpdateResponse', {
  header,
  members: repeated(nested(2, Member)),
});

export const StatusRequest = empty('StatusRequest');
export const StatusResponse = message('etcdserverpb.StatusResponse', {
  header,
  version: string(2),
  dbSize: int64(3),
  leader: bigUint64(4),
  raftIndex: uint64(5),
  raftTerm: uint64(6),
  raftAppliedIndex: uint64(7),
  errors: repeated(string(8)),
  dbSizeInUse: int64(9),
  isLearner: bool(10),
});

/** action: 0 get, 1 activate, 2 deactivate. alarm: 0 none, 1 nospace, 2 corrupt. */
export const AlarmRequest = message('etcdserverpb.AlarmRequest', {
  action: enumeration(1),
  memberId: bigUint64(2),
  alarm: enumeration(3),
});
export const AlarmMember = message('etcdserverpb.AlarmMember', { memberId: bigUint64(1), alarm: enumeration(2) });
export const AlarmResponse = message('etcdserverpb.AlarmResponse', {
  header,
  alarms: repeated(nested(2, AlarmMember)),
});

export const DefragmentRequest = empty('DefragmentRequest');
export const DefragmentResponse = headerOnly('DefragmentResponse');
export const HashRequest = empty('HashRequest');
export const HashResponse = message('etcdserverpb.HashResponse', { header, hash: uint32(2) });
export const HashKVRequest = message('etcdserverpb.HashKVRequest', { revision: int64(1) });
export const HashKVResponse = message('etcdserverpb.HashKVResponse', {
  header,
  hash: uint32(2),
  compactRevision: int64(3),
  hashRevision: int64(4),
});
export const SnapshotRequest = empty('SnapshotRequest');
/** Parts of one file; the last 32 bytes are the SHA-256 of what came before. */
export const SnapshotResponse = message('etcdserverpb.SnapshotResponse', {
  header,
  remainingBytes: uint64(2),
  blob: bytes(3),
});
export const MoveLeaderRequest = message('etcdserverpb.MoveLeaderRequest', { targetId: bigUint64(1) });
export const MoveLeaderResponse = headerOnly('MoveLeaderResponse');

const named = (name: string) => message(`etcdserverpb.${name}`, { name: string(1) });
const userAddOptions = message('authpb.UserAddOptions', { noPassword: bool(1) });

/** permType: 0 read, 1 write, 2 both. */
export const Permission = message('authpb.Permission', { permType: enumeration(1), key: bytes(2), rangeEnd: bytes(3) });
/** As etcd stores them. */
export const AuthUser = message('authpb.User', {
  name: bytes(1),
  password: bytes(2),
  roles: repeated(string(3)),
  options: nested(4, userAddOptions),
});
export const AuthRole = message('authpb.Role', { name: bytes(1), keyPermission: repeated(nested(2, Permission)) });

export const AuthEnableRequest = empty('AuthEnableRequest');
export const AuthDisableRequest = empty('AuthDisableRequest');
export const AuthStatusRequest = empty('AuthStatusRequest');
export const AuthStatusResponse = message('etcdserverpb.AuthStatusResponse', {
  header,
  enabled: bool(2),
  authRevision: uint64(3),
});
export const AuthenticateRequest = message('etcdserverpb.AuthenticateRequest', {
  name: string(1),
  password: string(2),
});
export const AuthenticateResponse = message('etcdserverpb.AuthenticateResponse', { header, token: string(2) });
/** What changes accounts answers with a header. */
export const AuthResponse = headerOnly('AuthResponse');
export const AuthUserAddRequest = message('etcdserverpb.AuthUserAddRequest', {
  name: string(1),
  password: string(2),
  options: nested(3, userAddOptions),
  hashedPassword: string(4),
});
export const AuthUserGetRequest = named('AuthUserGetRequest');
export const AuthUserGetResponse = message('etcdserverpb.AuthUserGetResponse', { header, roles: repeated(string(2)) });
export const AuthUserListRequest = empty('AuthUserListRequest');
export const AuthUserListResponse = message('etcdserverpb.AuthUserListResponse', {
  header,
  users: repeated(string(2)),
});
export const AuthUserDeleteRequest = named('AuthUserDeleteRequest');
export const AuthUserChangePasswordRequest = message('etcdserverpb.AuthUserChangePasswordRequest', {
  name: string(1),
  password: string(2),
});
export const AuthUserGrantRoleRequest = message('etcdserverpb.AuthUserGrantRoleRequest', {
  user: string(1),
  role: string(2),
});
export const AuthUserRevokeRoleRequest = message('etcdserverpb.AuthUserRevokeRoleRequest', {
  name: string(1),
  role: string(2),
});
export const AuthRoleAddRequest = named('AuthRoleAddRequest');
export const AuthRoleGetRequest = message('etcdserverpb.AuthRoleGetRequest', { role: string(1) });
export const AuthRoleGetResponse = message('etcdserverpb.AuthRoleGetResponse', {
  header,
  perm: repeated(nested(2, Permission)),
});
export const AuthRoleListRequest = empty('AuthRoleListRequest');
export const AuthRoleListResponse = message('etcdserverpb.AuthRoleListResponse', {
  header,
  roles: repeated(string(2)),
});
export const AuthRoleDeleteRequest = message('etcdserverpb.AuthRoleDeleteRequest', { role: string(1) });
export const AuthRoleGrantPermissionRequest = message('etcdserverpb.AuthRoleGrantPermissionRequest', {
  name: string(1),
  perm: nested(2, Permission),
});
export const AuthRoleRevokePermissionRequest = message('etcdserverpb.AuthRoleRevokePermissionRequest', {
  role: string(1),
  key: bytes(2),
  rangeEnd: bytes(3),
});
