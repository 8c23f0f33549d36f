/**
 * What one member offers to its door (gRPC, in process): the KV interface plus etcd's Cluster and Maintenance services
 * and klab's view into Raft. Shapes follow etcd's rpc.proto; member and cluster IDs are unsigned 64-bit, hence bigint.
 */

import type { MemberAuth } from './auth/api.ts';
import type { Histogram } from './histogram.ts';
import type { CallOptions, History, KV, ResponseHeader, StatusResponse } from './kv.ts';

export interface MemberInfo {
  readonly id: bigint;
  readonly name: string;
  /** Addresses other members reach it at; `inproc://<name>` for members in this process. */
  readonly peerUrls: readonly string[];
  /** Addresses clients reach it at; set with `setClientUrls` once its door listens. */
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

export interface MemberListResponse {
  readonly header: ResponseHeader;
  readonly members: readonly MemberInfo[];
}

export interface MemberAddRequest {
  /** Where the others will reach it. `inproc://<name>` names a member in this process, which starts at once. */
  readonly peerUrls: readonly string[];
  /** Receives the log and has no vote until it is promoted. Default false. */
  readonly isLearner?: boolean;
}

export interface MemberAddResponse extends MemberListResponse {
  readonly member: MemberInfo;
}

export type AlarmType = 'none' | 'nospace' | 'corrupt';

export interface AlarmMember {
  readonly memberId: bigint;
  readonly alarm: AlarmType;
}

export interface AlarmRequest {
  readonly action: 'get' | 'activate' | 'deactivate';
  /** 0 = every member. */
  readonly memberId: bigint;
  /** `none`: every alarm when asked for, no alarm otherwise. */
  readonly alarm: AlarmType;
}

export interface AlarmResponse {
  readonly header: ResponseHeader;
  readonly alarms: readonly AlarmMember[];
}

/** What `/metrics` shows of a member beside its status. */
export interface MemberMetrics {
  /** Since it started. */
  readonly leaderChanges: number;
  readonly failedProposals: number;
  readonly pendingProposals: number;
  readonly quotaBytes: number;
  /** How long the database took to commit. */
  readonly commitSeconds: Histogram;
}

export interface HashKVResponse {
  readonly header: ResponseHeader;
  /** CRC-32C, unsigned, over the revisions up to the one asked for. Equal on members with equal history. */
  readonly hash: number;
  readonly compactRevision: number;
  readonly hashRevision: number;
}

export interface HashResponse {
  readonly header: ResponseHeader;
  readonly hash: number;
}

/** etcd 3.5's Maintenance/Status has a few fields more than KV needs. */
export interface MemberStatus extends StatusResponse {
  /** Alarms and problems as text; empty when healthy. */
  readonly errors: readonly string[];
  readonly isLearner: boolean;
}

/** State of one member's Raft, as `klab etcd raft status` shows it. */
export interface RaftStatus {
  readonly id: bigint;
  readonly name: string;
  readonly role: 'follower' | 'pre-candidate' | 'candidate' | 'leader' | 'crashed';
  readonly term: number;
  /** Member voted for in this term, 0 = none. */
  readonly vote: bigint;
  readonly commit: number;
  readonly applied: number;
  readonly lastIndex: number;
  readonly firstIndex: number;
  /** 0 = none known. */
  readonly leader: bigint;
  /** On the leader: how far every member's log is known to match. */
  readonly progress: readonly {
    readonly id: bigint;
    readonly match: number;
    readonly next: number;
    readonly state: 'probe' | 'replicate' | 'snapshot';
    readonly recentActive: boolean;
    readonly paused: boolean;
  }[];
}

/** One line of a member's log, as `klab etcd raft log` shows it. */
export interface RaftLogEntry {
  readonly index: number;
  readonly term: number;
  readonly type: 'empty' | 'txn' | 'compact' | 'leaseGrant' | 'leaseRevoke' | 'alarm' | 'auth' | 'confChange';
  /** Bytes of the proposal, values included. */
  readonly size: number;
  /** Revisions the entry made when applied: [from, to], absent when none (or not applied yet). */
  readonly revisions?: readonly [number, number];
  readonly committed: boolean;
  readonly applied: boolean;
  /** One readable line: `put /registry/pods/default/web (1204 bytes)`. */
  readonly summary: string;
  readonly actor?: string;
}

export interface EtcdServerApi extends KV, History {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly name: string;
  /** False while crashed or stopped: calls then fail with `Unavailable`. */
  readonly running: boolean;
  /** Users and roles; absent where another etcd stands behind. */
  readonly auth?: MemberAuth;

  status(options?: CallOptions): Promise<MemberStatus>;
  /** The current header, without a round: for progress answers and error trailers. */
  header(): ResponseHeader;

  memberList(options?: CallOptions & { readonly linearizable?: boolean }): Promise<MemberListResponse>;
  /** The new member starts in this process and catches up. Throws as etcd: bad or taken URLs, unhealthy, too many learners. */
  memberAdd(request: MemberAddRequest, options?: CallOptions): Promise<MemberAddResponse>;
  /** The member stops and its log is deleted; its ID is never valid again. */
  memberRemove(id: bigint, options?: CallOptions): Promise<MemberListResponse>;
  /** A learner that has nine tenths of the leader's log gets a vote. */
  memberPromote(id: bigint, options?: CallOptions): Promise<MemberListResponse>;
  memberUpdate(id: bigint, peerUrls: readonly string[], options?: CallOptions): Promise<MemberListResponse>;
  /** This member has no vote yet: clients get serializable reads and its status from it, nothing else. */
  readonly isLearner: boolean;
  /** Tells the cluster where this member's client door listens. */
  setClientUrls(urls: readonly string[]): void;

  alarm(request: AlarmRequest, options?: CallOptions): Promise<AlarmResponse>;
  /** `revision` 0 = the current one. Throws the compacted and future-revision errors as range does. */
  hashKV(revision: number, options?: CallOptions): Promise<HashKVResponse>;
  hash(options?: CallOptions): Promise<HashResponse>;
  /** Not of an etcd elsewhere. */
  metrics?(): MemberMetrics;
  /**
   * Writes etcd's snapshot of this member's state to a new file: a bbolt database and its SHA-256, what `etcdctl snapshot
   * restore` takes. The header names the revision. Other requests are served meanwhile.
   */
  saveSnapshot(path: string, options?: CallOptions): Promise<ResponseHeader>;
  /** Gives free pages of the database back to the file system. */
  defragment(options?: CallOptions): Promise<ResponseHeader>;
  /** Only on the leader (`etcdserver: not leader` else); resolves when the target leads. */
  moveLeader(targetId: bigint, options?: CallOptions): Promise<ResponseHeader>;

  raftStatus(): RaftStatus;
  /** Entries with index in [from, to], oldest first, at most `limit` (default 1000). */
  raftLog(options?: { from?: number; to?: number; limit?: number }): readonly RaftLogEntry[];
}
