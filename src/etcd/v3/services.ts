/** etcd's v3 services. Methods that klab has no mechanism for stand here too: they answer Unimplemented by name. */
import { bidiStream, message, serverStream, service, unary } from '../../wire/index.ts';
import * as m from './messages.ts';

const unsupported = message('klab.Unsupported', {});
const missing = (name: string) => unary(name, unsupported, unsupported);

export const kvService = service('etcdserverpb.KV', {
  range: unary('Range', m.RangeRequest, m.RangeResponse),
  put: unary('Put', m.PutRequest, m.PutResponse),
  deleteRange: unary('DeleteRange', m.DeleteRangeRequest, m.DeleteRangeResponse),
  txn: unary('Txn', m.TxnRequest, m.TxnResponse),
  compact: unary('Compact', m.CompactionRequest, m.CompactionResponse),
});

export const watchService = service('etcdserverpb.Watch', {
  watch: bidiStream('Watch', m.WatchRequest, m.WatchResponse),
});

export const leaseService = service('etcdserverpb.Lease', {
  grant: unary('LeaseGrant', m.LeaseGrantRequest, m.LeaseGrantResponse),
  revoke: unary('LeaseRevoke', m.LeaseRevokeRequest, m.LeaseRevokeResponse),
  keepAlive: bidiStream('LeaseKeepAlive', m.LeaseKeepAliveRequest, m.LeaseKeepAliveResponse),
  timeToLive: unary('LeaseTimeToLive', m.LeaseTimeToLiveRequest, m.LeaseTimeToLiveResponse),
  leases: unary('LeaseLeases', m.LeaseLeasesRequest, m.LeaseLeasesResponse),
});

export const clusterService = service('etcdserverpb.Cluster', {
  memberList: unary('MemberList', m.MemberListRequest, m.MemberListResponse),
  memberAdd: unary('MemberAdd', m.MemberAddRequest, m.MemberAddResponse),
  memberRemove: unary('MemberRemove', m.MemberRemoveRequest, m.MemberRemoveResponse),
  memberUpdate: unary('MemberUpdate', m.MemberUpdateRequest, m.MemberUpdateResponse),
  memberPromote: unary('MemberPromote', m.MemberPromoteRequest, m.MemberPromoteResponse),
});

export const maintenanceService = service('etcdserverpb.Maintenance', {
  status: unary('Status', m.StatusRequest, m.StatusResponse),
  alarm: unary('Alarm', m.AlarmRequest, m.AlarmResponse),
  defragment: unary('Defragment', m.DefragmentRequest, m.DefragmentResponse),
  hash: unary('Hash', m.HashRequest, m.HashResponse),
  hashKV: unary('HashKV', m.HashKVRequest, m.HashKVResponse),
  moveLeader: unary('MoveLeader', m.MoveLeaderRequest, m.MoveLeaderResponse),
  snapshot: serverStream('Snapshot', m.SnapshotRequest, m.SnapshotResponse),
  downgrade: missing('Downgrade'),
});

export const authService = service('etcdserverpb.Auth', {
  authStatus: unary('AuthStatus', m.AuthStatusRequest, m.AuthStatusResponse),
  authEnable: unary('AuthEnable', m.AuthEnableRequest, m.AuthResponse),
  authDisable: unary('AuthDisable', m.AuthDisableRequest, m.AuthResponse),
  authenticate: unary('Authenticate', m.AuthenticateRequest, m.AuthenticateResponse),
  userAdd: unary('UserAdd', m.AuthUserAddRequest, m.AuthResponse),
  userGet: unary('UserGet', m.AuthUserGetRequest, m.AuthUserGetResponse),
  userList: unary('UserList', m.AuthUserListRequest, m.AuthUserListResponse),
  userDelete: unary('UserDelete', m.AuthUserDeleteRequest, m.AuthResponse),
  userChangePassword: unary('UserChangePassword', m.AuthUserChangePasswordRequest, m.AuthResponse),
  userGrantRole: unary('UserGrantRole', m.AuthUserGrantRoleRequest, m.AuthResponse),
  userRevokeRole: unary('UserRevokeRole', m.AuthUserRevokeRoleRequest, m.AuthResponse),
  roleAdd: unary('RoleAdd', m.AuthRoleAddRequest, m.AuthResponse),
  roleGet: unary('RoleGet', m.AuthRoleGetRequest, m.AuthRoleGetResponse),
  roleList: unary('RoleList', m.AuthRoleListRequest, m.AuthRoleListResponse),
  roleDelete: unary('RoleDelete', m.AuthRoleDeleteRequest, m.AuthResponse),
  roleGrantPermission: unary('RoleGrantPermission', m.AuthRoleGrantPermissionRequest, m.AuthResponse),
  roleRevokePermission: unary('RoleRevokePermission', m.AuthRoleRevokePermissionRequest, m.AuthResponse),
});
