/**
 * etcd: members (raft + mvcc), the KV interface that everything above is written against, the v3 API and its door.
 */

export { type LeaseId, leaseIdOf } from '../mvcc/index.ts';
export { underPrefix } from './client/prefixed-kv.ts';
export type { PermissionType, RolePermission } from './client/remote-auth.ts';
export { RemoteHistory, type WrittenBy } from './client/remote-history.ts';
export { RemoteKV, type RemoteKVOptions } from './client/remote-kv.ts';
export { EtcdCluster } from './cluster.ts';
export type { EtcdClusterOptions } from './cluster-options.ts';
export {
  type CallOptions,
  type Cause,
  type Compare,
  type CompareTarget,
  type DeleteRangeRequest,
  type DeleteRangeResponse,
  EtcdError,
  type EtcdErrorCode,
  errCompacted,
  errFutureRev,
  errNoSpace,
  type History,
  type HistoryEntry,
  isCompacted,
  isFutureRevision,
  type KeyValue,
  type KV,
  type LeaseGrantResponse,
  type LeaseTimeToLiveResponse,
  type Provenance,
  type PutRequest,
  type PutResponse,
  type RangeRequest,
  type RangeResponse,
  type RequestOp,
  type ResponseHeader,
  type ResponseOp,
  type SortOrder,
  type SortTarget,
  type StatusResponse,
  type StoreEvent,
  type TxnRequest,
  type TxnResponse,
  type WatchRequest,
  type WatchResponse,
  type WatchStream,
} from './kv.ts';
export type { HistoryBounds } from './maintenance.ts';
export { type RestoreReport, restoreSnapshot, snapshotStatus } from './restore.ts';
export { type EtcdDoor, type EtcdDoorOptions, serveEtcd } from './server/door.ts';
export type {
  AlarmMember,
  AlarmRequest,
  AlarmResponse,
  AlarmType,
  EtcdServerApi,
  HashKVResponse,
  HashResponse,
  MemberAddRequest,
  MemberAddResponse,
  MemberInfo,
  MemberListResponse,
  MemberStatus,
  RaftLogEntry,
  RaftStatus,
} from './server-api.ts';
export { type ClusterStorage, memoryStorage } from './storage.ts';
export { isHeartbeat, type LinkRule, type TracedMessage, type Transport } from './transport.ts';
