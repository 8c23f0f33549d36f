import type { LeaseId } from '../mvcc/index.ts';
import { compacted, futureRevision, keyRange, prefixEnd, type Row } from '../mvcc/index.ts';
import { MemberAuth } from './auth/api.ts';
import { writeSnapshotFile } from './bolt/snapshot-file.ts';
import { checkDelete, checkPut, checkRange, checkTxn } from './check.ts';
import { summarize } from './codec.ts';
import { asEtcdError, etcdError } from './errors.ts';
import type { Histogram } from './histogram.ts';
import type {
  CallOptions,
  DeleteRangeRequest,
  DeleteRangeResponse,
  HistoryEntry,
  LeaseGrantResponse,
  LeaseTimeToLiveResponse,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  ResponseHeader,
  TxnRequest,
  TxnResponse,
  WatchRequest,
  WatchStream,
} from './kv.ts';
import { LiveMembers } from './live-members.ts';
import { LiveWatch } from './live-watch.ts';
import type { Member } from './member.ts';
import { memberId } from './membership.ts';
import { isReadOnly, type ProposedRequest, proposalOf } from './proposal.ts';
import { executeRange, executeSliced, isPlain, type ReadRange, rangeSlice } from './range.ts';
import { executeReadTxn, isSerializable } from './read-txn.ts';
import type { Reconfigure } from './reconfigure.ts';
import { keptRevisions } from './revisions.ts';
import type {
  AlarmRequest,
  AlarmResponse,
  EtcdServerApi,
  HashKVResponse,
  HashResponse,
  MemberAddRequest,
  MemberAddResponse,
  MemberInfo,
  MemberListResponse,
  MemberMetrics,
  MemberStatus,
  RaftLogEntry,
  RaftStatus,
} from './server-api.ts';
import { snapshotHead } from './snapshot-head.ts';

/** The etcd this one behaves as. */
const etcdVersion = '3.5.21';

/** What the API of one member needs of the cluster. */
export interface MemberApiHost {
  readonly members: readonly Member[];
  memberAt(index: number): Member | undefined;
  readonly reconfigure: Reconfigure;
  connected(a: number, b: number): boolean;
  monotonic(): number;
  newLeaseId(): number;
  readonly quotaBytes: number;
  readonly commitSeconds: Histogram;
  sizes(): { readonly total: number; readonly inUse: number };
  compactIndex(member: Member): Promise<void>;
  hash(member: Member, revision: number): Promise<number>;
  /** While `work` runs, the state at `revision` and all that came after it stay readable. */
  pinned<T>(revision: number, work: () => Promise<T>): Promise<T>;
  defragment(): Promise<void>;
  moveLeader(member: Member, target: Member): Promise<void>;
}

/** A member as its clients see it: KV, Watch, Lease, Cluster, Maintenance, and klab's history. */
export class EtcdMember implements EtcdServerApi {
  readonly #at: { readonly current: Member };
  readonly #host: MemberApiHost;
  readonly auth: MemberAuth;
  /** Any live member serves: requests and watches go elsewhere when theirs is not. */
  readonly #live: LiveMembers | undefined;

  constructor(at: Member | LiveMembers, host: MemberApiHost) {
    this.#live = at instanceof LiveMembers ? at : undefined;
    this.#at = at instanceof LiveMembers ? at : { current: at };
    this.#host = host;
    const where = this.#at;
    this.auth = new MemberAuth({
      get member() {
        return where.current;
      },
      current: async (options) => {
        await this.#current(false, options);
      },
      monotonic: () => host.monotonic(),
    });
  }

  get #member(): Member {
    return this.#at.current;
  }

  #propose(request: ProposedRequest, options: CallOptions | undefined): Promise<unknown> {
    return this.#member.propose(request, options, this.#live !== undefined);
  }

  get clusterId(): bigint {
    return this.#member.header().clusterId;
  }

  get memberId(): bigint {
    return this.#member.id;
  }

  get name(): string {
    return this.#member.name;
  }

  get running(): boolean {
    return this.#member.running;
  }

  header(): ResponseHeader {
    return this.#member.header();
  }

  async range(request: RangeRequest, options?: CallOptions): Promise<RangeResponse> {
    try {
      return await this.#range(request, options);
    } catch (error) {
      throw asEtcdError(error);
    }
  }

  async #range(request: RangeRequest, options: CallOptions | undefined): Promise<RangeResponse> {
    checkRange(request);
    const member = await this.#current(request.serializable, options);
    if (this.auth.enabled) this.auth.checkRead(options?.auth, request.key, request.rangeEnd);
    const revision = this.#revision(request.revision ?? 0, member);
    const { store } = member.machine;
    const read: ReadRange = (range, how) => store.range(range, revision, how);
    const header = member.header();
    if (request.rangeEnd && isPlain(request) && !request.countOnly) {
      const { count } = read(keyRange(request.key, request.rangeEnd), { countOnly: true });
      if (Math.min(count, request.limit || count) > rangeSlice) return executeSliced(request, read, header, count);
    }
    return executeRange(request, read, header);
  }

  async put(request: PutRequest, options?: CallOptions): Promise<PutResponse> {
    checkPut(request);
    return (await this.#propose({ kind: 'put', put: request }, options)) as PutResponse;
  }

  async deleteRange(request: DeleteRangeRequest, options?: CallOptions): Promise<DeleteRangeResponse> {
    checkDelete(request);
    const proposed: ProposedRequest = { kind: 'deleteRange', deleteRange: request };
    return (await this.#propose(proposed, options)) as DeleteRangeResponse;
  }

  async txn(request: TxnRequest, options?: CallOptions): Promise<TxnResponse> {
    checkTxn(request);
    if (isReadOnly(request)) return this.#readTxn(request, options);
    return (await this.#propose({ kind: 'txn', txn: request }, options)) as TxnResponse;
  }

  async #readTxn(request: TxnRequest, options: CallOptions | undefined): Promise<TxnResponse> {
    const member = await this.#current(isSerializable(request), options);
    if (this.auth.enabled) this.auth.checkTxn(options?.auth, request);
    const { store } = member.machine;
    const read = (revision: number): ReadRange => {
      return (range, how) => store.range(range, revision, how);
    };
    try {
      return executeReadTxn(request, read, member.header(), member.cursor);
    } catch (error) {
      throw asEtcdError(error);
    }
  }

  async compact(revision: number, options?: CallOptions & { physical?: boolean }): Promise<ResponseHeader> {
    const header = (await this.#propose({ kind: 'compact', revision }, options)) as ResponseHeader;
    const done = this.#host.compactIndex(this.#member);
    if (options?.physical) await done;
    return header;
  }

  watch(request: WatchRequest): WatchStream {
    if (!this.#member.running) throw etcdError('Stopped');
    // etcd reads an empty key as the first one.
    const key = request.key.length === 0 ? Uint8Array.of(0) : request.key;
    return this.#live ? new LiveWatch(this.#live, { ...request, key }) : this.#member.hub.watch({ ...request, key });
  }

  async leaseGrant(request: { ttl: number; id?: LeaseId }, options?: CallOptions): Promise<LeaseGrantResponse> {
    const id = request.id || this.#host.newLeaseId();
    const proposed: ProposedRequest = { kind: 'leaseGrant', id, ttl: request.ttl };
    return (await this.#propose(proposed, options)) as LeaseGrantResponse;
  }

  async leaseRevoke(id: LeaseId, options?: CallOptions): Promise<ResponseHeader> {
    return (await this.#propose({ kind: 'leaseRevoke', id }, options)) as ResponseHeader;
  }

  /** Only the leader knows how long a lease has: other members ask it, as etcd's do. */
  async leaseKeepAlive(id: LeaseId): Promise<LeaseGrantResponse> {
    const { lessor } = this.#leader().machine.store;
    const lease = lessor.get(id);
    const now = this.#host.monotonic();
    if (!lease || lease.expiry <= now) return { header: this.header(), id, ttl: 0 };
    lessor.renew(lease, now);
    return { header: this.header(), id, ttl: lease.ttl };
  }

  async leaseTimeToLive(id: LeaseId, withKeys = false, options?: CallOptions): Promise<LeaseTimeToLiveResponse> {
    const lease = this.#leader().machine.store.lessor.get(id);
    const left = lease ? lease.expiry - this.#host.monotonic() : 0;
    if (!lease || left <= 0) return { header: this.header(), id, ttl: -1, grantedTtl: 0, keys: [] };
    const keys = withKeys ? [...lease.keys].sort().map((name) => Buffer.from(name, 'latin1')) : [];
    if (this.auth.enabled) for (const key of keys) this.auth.checkRead(options?.auth, key, undefined);
    const ttl = left === Number.POSITIVE_INFINITY ? lease.ttl : Math.floor(left / 1000);
    return { header: this.header(), id, ttl, grantedTtl: lease.ttl, keys };
  }

  async leases(): Promise<readonly LeaseId[]> {
    this.#running();
    const { machine, cursor } = this.#member;
    return machine.store.lessor.listAt(cursor.index).map(({ id }) => id);
  }

  async status(): Promise<MemberStatus> {
    const node = this.#running();
    const { total, inUse } = this.#host.sizes();
    const status = node.status();
    const leader = this.#member.leader;
    const errors = this.#member.machine.alarms.map(
      ({ member, alarm }) => `memberID:${this.#idOf(member)} alarm:${alarm.toUpperCase()} `,
    );
    if (!leader) errors.push('etcdserver: no leader');
    return {
      header: this.header(),
      version: etcdVersion,
      dbSize: total,
      dbSizeInUse: inUse,
      leader: leader?.id ?? 0n,
      raftIndex: status.commit,
      raftTerm: status.term,
      raftAppliedIndex: this.#member.cursor.index,
      errors,
      isLearner: status.confState.learners.includes(this.#member.index),
    };
  }

  async memberList(options?: CallOptions & { linearizable?: boolean }): Promise<MemberListResponse> {
    if (options?.linearizable) await this.#current(false, options);
    else this.#running();
    return { header: this.header(), members: this.#memberInfos() };
  }

  #memberInfos(): MemberInfo[] {
    return this.#member.machine.membership.members.map(({ index, id, peerUrls, isLearner }) => {
      // One that was just added has no name until it has started.
      const { name = '', clientUrls = [] } = this.#host.memberAt(index) ?? {};
      return { id: BigInt(id), name, peerUrls, clientUrls, isLearner };
    });
  }

  async memberAdd(request: MemberAddRequest, options?: CallOptions): Promise<MemberAddResponse> {
    const { peerUrls, isLearner = false } = request;
    const added = await this.#host.reconfigure.add(this.#member, peerUrls, isLearner, options);
    const member = { id: BigInt(added.id), name: '', peerUrls: added.peerUrls, clientUrls: [], isLearner };
    return { header: this.header(), member, members: this.#memberInfos() };
  }

  async memberRemove(id: bigint, options?: CallOptions): Promise<MemberListResponse> {
    await this.#host.reconfigure.remove(this.#member, id, options);
    return { header: this.header(), members: this.#memberInfos() };
  }

  async memberPromote(id: bigint, options?: CallOptions): Promise<MemberListResponse> {
    await this.#host.reconfigure.promote(this.#member, id, options);
    return { header: this.header(), members: this.#memberInfos() };
  }

  async memberUpdate(id: bigint, peerUrls: readonly string[], options?: CallOptions): Promise<MemberListResponse> {
    await this.#host.reconfigure.update(this.#member, id, peerUrls, options);
    return { header: this.header(), members: this.#memberInfos() };
  }

  get isLearner(): boolean {
    return this.#member.isLearner;
  }

  /** etcd's ID of the member with Raft's, also of one that was removed. */
  #idOf(index: number): bigint {
    return memberId(this.#member.machine.membership, index);
  }

  setClientUrls(urls: readonly string[]): void {
    this.#member.clientUrls = urls;
  }

  async alarm(request: AlarmRequest, options?: CallOptions): Promise<AlarmResponse> {
    this.#running();
    const { members } = this.#host;
    const before = this.#member.machine.alarms;
    if (request.action !== 'get') {
      const member = request.memberId === 0n ? 0 : (members.find((m) => m.id === request.memberId)?.index ?? -1);
      if (member < 0) throw etcdError('MemberNotFound');
      const { action, alarm } = request;
      await this.#propose({ kind: 'alarm', action, member, alarm }, options);
    }
    const now = this.#member.machine.alarms;
    // Deactivation answers with what it removed.
    const rows = request.action === 'deactivate' ? before.filter((row) => !now.includes(row)) : now;
    const alarms = rows
      .filter(({ alarm }) => request.alarm === 'none' || alarm === request.alarm)
      .map(({ member, alarm }) => ({ memberId: this.#idOf(member), alarm }));
    return { header: this.header(), alarms };
  }

  async hashKV(revision: number): Promise<HashKVResponse> {
    this.#running();
    const hashRevision = this.#revision(revision);
    const { compactRevision } = this.#member.cursor;
    const hash = await this.#host.hash(this.#member, hashRevision);
    // etcd says -1 where nothing was ever compacted.
    return { header: this.header(), hash, compactRevision: compactRevision || -1, hashRevision };
  }

  async hash(): Promise<HashResponse> {
    const { header, hash } = await this.hashKV(0);
    return { header, hash };
  }

  metrics(): MemberMetrics {
    const { leaderChanges, failedProposals, pendingProposals } = this.#member;
    const { quotaBytes, commitSeconds } = this.#host;
    return { leaderChanges, failedProposals, pendingProposals, quotaBytes, commitSeconds };
  }

  async saveSnapshot(path: string): Promise<ResponseHeader> {
    this.#running();
    const { members } = await this.memberList();
    const header = this.header();
    const { machine, cursor } = this.#member;
    const { compactRevision } = cursor;
    const head = snapshotHead(machine, {
      members,
      consistentIndex: cursor.index,
      term: header.raftTerm,
      compactRevision,
    });
    await this.#host.pinned(compactRevision, () =>
      writeSnapshotFile(path, head, keptRevisions(machine.store, compactRevision, header.revision)),
    );
    return header;
  }

  async defragment(): Promise<ResponseHeader> {
    this.#running();
    await this.#host.defragment();
    return this.header();
  }

  async moveLeader(targetId: bigint): Promise<ResponseHeader> {
    const node = this.#running();
    if (node.role !== 'leader') throw etcdError('NotLeader');
    const target = this.#host.members.find((m) => m.id === targetId);
    if (!target || target.isLearner) throw etcdError('BadLeaderTransferee');
    if (target !== this.#member) await this.#host.moveLeader(this.#member, target);
    return this.header();
  }

  history(key: Uint8Array, options: { limit?: number; before?: number } = {}): readonly HistoryEntry[] {
    const { machine, cursor } = this.#member;
    const before = Math.min(options.before ?? Number.MAX_SAFE_INTEGER, cursor.revision + 1);
    return machine.store.backend.history(key, { limit: options.limit, before }).map(historyEntry);
  }

  changes(range: { from: number; to: number; prefix?: Uint8Array; limit?: number }): readonly HistoryEntry[] {
    const { machine, cursor } = this.#member;
    const { from, prefix, limit } = range;
    const to = Math.min(range.to, cursor.revision);
    const end = prefix && prefixEnd(prefix);
    return machine.store.backend.changes({ from, to, start: prefix, end, limit }).map(historyEntry);
  }

  raftStatus(): RaftStatus {
    const member = this.#member;
    const idOf = (index: number) => (index === 0 ? 0n : this.#idOf(index));
    const base = { id: member.id, name: member.name };
    const status = member.node?.status();
    if (!status) {
      const { hardState, applied } = member.log.initialState();
      const { term, vote, commit } = hardState;
      const log = { firstIndex: member.log.firstIndex(), lastIndex: member.log.lastIndex() };
      return { ...base, ...log, role: 'crashed', term, vote: idOf(vote), commit, applied, leader: 0n, progress: [] };
    }
    const { role, term, vote, commit, firstIndex, lastIndex, leader } = status;
    const progress = status.progress.map(({ id, isLearner: _, ...rest }) => ({ id: idOf(id), ...rest }));
    const applied = member.cursor.index;
    const ids = { vote: idOf(vote), leader: idOf(leader) };
    return { ...base, role, term, commit, applied, firstIndex, lastIndex, ...ids, progress };
  }

  raftLog(options: { from?: number; to?: number; limit?: number } = {}): readonly RaftLogEntry[] {
    const { node, cursor } = this.#member;
    if (!node) throw etcdError('Stopped');
    const { from = 1, to = Number.MAX_SAFE_INTEGER, limit = 1000 } = options;
    return node.entries(from, to, limit).map((entry) => {
      const { index, term, size } = entry;
      const state = { committed: index <= node.committed, applied: index <= cursor.index };
      const proposal = proposalOf(entry);
      if (!proposal) return { index, term, size, ...state, type: 'empty', summary: `leader of term ${term} starts` };
      const { request, provenance, applied } = proposal;
      // klab calls every change of keys a transaction; the summary says which.
      const kinds = { put: 'txn', deleteRange: 'txn', member: 'confChange' } as const;
      const { kind } = request;
      const revisions = applied?.revision === undefined ? undefined : ([applied.revision, applied.revision] as const);
      return {
        index,
        term,
        size,
        ...state,
        type: kind === 'put' || kind === 'deleteRange' || kind === 'member' ? kinds[kind] : kind,
        revisions,
        summary: summarize(request),
        actor: provenance?.actor,
      };
    });
  }

  #running() {
    const { node } = this.#member;
    if (!node) throw etcdError('Stopped');
    return node;
  }

  /** Waits until a member's cursor is current, unless the caller does with less; gives that member. */
  async #current(serializable: boolean | undefined, options: CallOptions | undefined): Promise<Member> {
    options?.signal?.throwIfAborted();
    if (serializable) this.#running();
    else {
      const wait = this.#member.linearizable(this.#live !== undefined);
      if (wait) return await wait;
    }
    return this.#member;
  }

  /** The revision to read at. */
  #revision(requested: number, member: Member = this.#member): number {
    const { revision, compactRevision } = member.cursor;
    if (requested > revision) throw asEtcdError(futureRevision());
    if (requested > 0 && requested < compactRevision) throw asEtcdError(compacted());
    // A negative one is none.
    return requested > 0 ? requested : revision;
  }

  /** The leader this member knows, when it can be asked. */
  #leader(): Member {
    this.#running();
    const { leader } = this.#member;
    if (!leader) throw etcdError('NoLeader');
    const { index } = this.#member;
    const there =
      leader === this.#member ||
      (this.#host.connected(index, leader.index) && this.#host.connected(leader.index, index));
    if (!leader.running || !there) throw etcdError('Timeout');
    return leader;
  }
}

function historyEntry(row: Row): HistoryEntry {
  const { key, main: revision, version, createRevision, lease, provenance, time } = row;
  const value = row.tombstone ? undefined : row.value;
  return { key, revision, version, createRevision, lease, value, provenance, time };
}
