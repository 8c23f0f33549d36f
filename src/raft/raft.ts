import { assert } from '../base/index.ts';
import { type LogCheckpoint, RaftLog } from './log.ts';
import { ReadOnly } from './read-only.ts';
import { Progress, Tracker, type VoteResult } from './tracker.ts';
import {
  type ConfChange,
  type ConfState,
  type Entry,
  type HardState,
  type Message,
  noLimit,
  RaftError,
  type ReadState,
  type Role,
  type Storage,
} from './types.ts';

export interface RaftConfig {
  /** This node, > 0. */
  readonly id: number;
  readonly storage: Storage;
  /** Uniform integer in [0, n): spreads election timeouts. Hand in a seeded one. */
  readonly random: (n: number) => number;
  /** Ticks without a leader before an election. Default 10. */
  readonly electionTick?: number;
  /** Ticks between heartbeats. Default 1. */
  readonly heartbeatTick?: number;
  /** Bytes of entries in one append. Default 512 KiB. */
  readonly maxSizePerMsg?: number;
  /** Bytes of committed entries in one Ready. Default no limit. */
  readonly maxCommittedSizePerReady?: number;
  /** Bytes of proposals not yet committed; beyond, they are dropped. Default no limit. */
  readonly maxUncommittedSize?: number;
  /** Unanswered appends to one peer. Default 512. */
  readonly maxInflightMsgs?: number;
  /** A leader steps down when it does not hear from a majority. Default true. */
  readonly checkQuorum?: boolean;
  /** Ask before raising the term, so that a cut-off node does not disturb. Default true. */
  readonly preVote?: boolean;
  /**
   * How a leader knows that it may answer reads: `safe` (the default) asks a majority each time; `leaseBased` trusts
   * that `checkQuorum`, which it needs, would have deposed it, so nodes whose clocks run apart may read what is stale.
   */
  readonly readOnlyOption?: ReadOnlyOption;
}

export type ReadOnlyOption = 'safe' | 'leaseBased';

export type CampaignType = 'preElection' | 'election' | 'transfer';

export interface RaftCheckpoint {
  readonly log: LogCheckpoint;
  readonly tracker: { readonly conf: ConfState; progress: Map<number, Progress>; votes: Map<number, boolean> };
  readonly readOnly: ReadOnly;
  readonly fields: Fields;
}

/** The plain part of a node's state. */
interface Fields {
  term: number;
  vote: number;
  role: Role;
  leader: number;
  leadTransferee: number;
  pendingConfIndex: number;
  uncommittedSize: number;
  electionElapsed: number;
  heartbeatElapsed: number;
  randomizedElectionTimeout: number;
  messages: readonly Message[];
  readStates: readonly ReadState[];
  pendingReads: readonly Message[];
}

const emptyMessage: Omit<Message, 'type' | 'to'> = {
  from: 0,
  term: 0,
  index: 0,
  logTerm: 0,
  entries: [],
  commit: 0,
  reject: false,
  rejectHint: 0,
};

/** A message with everything not said at its zero. */
export function makeMessage(message: Partial<Message> & Pick<Message, 'type' | 'to'>): Message {
  return { ...emptyMessage, ...message };
}

/**
 * State of one node and the transitions between roles; what each role does with a message is in step-*.ts.
 * Pure: no clock, no I/O, no promises. Upstream: etcd-io/raft raft.go.
 */
export class Raft {
  readonly id: number;
  readonly log: RaftLog;
  readonly tracker = new Tracker();
  readonly electionTimeout: number;
  readonly heartbeatTimeout: number;
  readonly maxSizePerMsg: number;
  readonly maxCommittedSizePerReady: number;
  readonly maxInflight: number;
  readonly checkQuorum: boolean;
  readonly preVote: boolean;
  readonly readOnlyOption: ReadOnlyOption;
  readonly #random: (n: number) => number;
  readonly #maxUncommittedSize: number;

  term = 0;
  vote = 0;
  role: Role = 'follower';
  /** 0 = none known. */
  leader = 0;
  /** Target of a transfer under way, 0 = none. Proposals are dropped meanwhile. */
  leadTransferee = 0;
  /** No configuration change may be proposed until this index is applied. */
  pendingConfIndex = 0;
  uncommittedSize = 0;
  electionElapsed = 0;
  heartbeatElapsed = 0;
  randomizedElectionTimeout = 0;
  messages: Message[] = [];
  readStates: ReadState[] = [];
  readOnly = new ReadOnly();
  /** Reads that wait for the leader's first commit in its term. */
  pendingReads: Message[] = [];

  constructor(config: RaftConfig) {
    assert(config.id > 0, 'a raft node needs an ID above 0');
    const { hardState, confState, applied } = config.storage.initialState();
    this.id = config.id;
    this.electionTimeout = config.electionTick ?? 10;
    this.heartbeatTimeout = config.heartbeatTick ?? 1;
    assert(this.electionTimeout > this.heartbeatTimeout, 'electionTick must be above heartbeatTick');
    this.maxSizePerMsg = config.maxSizePerMsg ?? 512 * 1024;
    this.maxCommittedSizePerReady = config.maxCommittedSizePerReady ?? noLimit;
    this.#maxUncommittedSize = config.maxUncommittedSize ?? noLimit;
    this.maxInflight = config.maxInflightMsgs ?? 512;
    this.checkQuorum = config.checkQuorum ?? true;
    this.preVote = config.preVote ?? true;
    this.readOnlyOption = config.readOnlyOption ?? 'safe';
    const leaseNeedsQuorum = this.readOnlyOption !== 'leaseBased' || this.checkQuorum;
    assert(leaseNeedsQuorum, 'checkQuorum must be enabled when readOnlyOption is leaseBased');
    this.#random = config.random;
    this.log = new RaftLog(config.storage, hardState.commit, applied);
    this.term = hardState.term;
    this.vote = hardState.vote;
    this.tracker.configure(confState, this.log.lastIndex);
    this.becomeFollower(this.term, 0);
  }

  get hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed };
  }

  /** A voter with no snapshot waiting to be applied may start elections. */
  get promotable(): boolean {
    const own = this.tracker.progress.get(this.id);
    return own !== undefined && !own.isLearner && !this.log.unstableSnapshot;
  }

  get isSingleton(): boolean {
    return this.tracker.voters.length === 1;
  }

  becomeFollower(term: number, leader: number): void {
    this.#reset(term);
    this.role = 'follower';
    this.leader = leader;
  }

  /** Changes neither term nor vote: nothing is promised before an election can be won. */
  becomePreCandidate(): void {
    assert(this.role !== 'leader', 'a leader does not campaign');
    this.tracker.votes = new Map();
    this.role = 'pre-candidate';
    this.leader = 0;
  }

  becomeCandidate(): void {
    assert(this.role !== 'leader', 'a leader does not campaign');
    this.#reset(this.term + 1);
    this.role = 'candidate';
    this.vote = this.id;
  }

  becomeLeader(): void {
    assert(this.role !== 'follower', 'a follower becomes leader only through an election');
    this.#reset(this.term);
    this.role = 'leader';
    this.leader = this.id;
    const own = this.tracker.progress.get(this.id)!;
    own.becomeReplicate();
    own.recentActive = true;
    // Changes of configuration left by earlier leaders must be applied first; where they end is unknown: wait for all.
    this.pendingConfIndex = this.log.lastIndex;
    this.appendEntries([{ type: 'normal', data: undefined, size: 0 }]);
  }

  #reset(term: number): void {
    if (this.term !== term) {
      this.term = term;
      this.vote = 0;
    }
    this.leader = 0;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    this.randomizedElectionTimeout = this.electionTimeout + this.#random(this.electionTimeout);
    this.leadTransferee = 0;
    this.tracker.votes = new Map();
    const last = this.log.lastIndex;
    for (const [id, progress] of this.tracker.progress) {
      this.tracker.progress.set(id, new Progress(id === this.id ? last : 0, last + 1, progress.isLearner, false));
    }
    this.pendingConfIndex = 0;
    this.uncommittedSize = 0;
    this.readOnly = new ReadOnly();
    this.pendingReads = [];
  }

  /** Appends proposals to the own log; false when too much is uncommitted already. */
  appendEntries(proposals: readonly Pick<Entry, 'type' | 'data' | 'size'>[]): boolean {
    let size = 0;
    for (const proposal of proposals) size += proposal.size;
    // One oversized batch passes on an idle leader, else it never could; empty entries always do.
    if (this.uncommittedSize > 0 && size > 0 && this.uncommittedSize + size > this.#maxUncommittedSize) return false;
    this.uncommittedSize += size;
    let index = this.log.lastIndex;
    this.log.append(proposals.map(({ type, data, size }) => ({ term: this.term, index: ++index, type, data, size })));
    this.tracker.progress.get(this.id)?.maybeUpdate(index);
    this.maybeCommit();
    return true;
  }

  reduceUncommitted(entries: readonly Entry[]): void {
    if (this.uncommittedSize === 0) return;
    for (const entry of entries) this.uncommittedSize -= entry.size;
    if (this.uncommittedSize < 0) this.uncommittedSize = 0;
  }

  maybeCommit(): boolean {
    return this.log.maybeCommit(this.tracker.committed(), this.term);
  }

  get committedInTerm(): boolean {
    return this.log.zeroTerm(this.log.committed) === this.term;
  }

  /** Queues a message; fills in sender, and the term where a message carries one. */
  send(message: Partial<Message> & Pick<Message, 'type' | 'to'>): void {
    const ownTerm = message.term === undefined && message.type !== 'MsgProp' && message.type !== 'MsgReadIndex';
    this.messages.push(
      makeMessage({ ...message, from: message.from || this.id, term: ownTerm ? this.term : (message.term ?? 0) }),
    );
  }

  /** Counts a vote; the own one comes this way too. */
  poll(id: number, granted: boolean): VoteResult {
    if (!this.tracker.votes.has(id)) this.tracker.votes.set(id, granted);
    return this.tracker.tally();
  }

  campaign(type: CampaignType): void {
    const pre = type === 'preElection';
    if (pre) this.becomePreCandidate();
    else this.becomeCandidate();
    if (this.poll(this.id, true) === 'won') {
      if (pre) this.campaign('election');
      else this.becomeLeader();
      return;
    }
    for (const to of this.tracker.voters) {
      if (to === this.id) continue;
      this.send({
        type: pre ? 'MsgPreVote' : 'MsgVote',
        to,
        term: pre ? this.term + 1 : this.term,
        index: this.log.lastIndex,
        logTerm: this.log.lastTerm,
        context: type === 'transfer' ? 'transfer' : undefined,
      });
    }
  }

  /** Starts an election unless something forbids it. */
  hup(type: CampaignType): void {
    if (this.role === 'leader' || !this.promotable) return;
    if (this.#hasUnappliedConfChange()) return;
    this.campaign(type);
  }

  #hasUnappliedConfChange(): boolean {
    if (this.log.applied >= this.log.committed) return false;
    return this.log.entries(this.log.applied + 1, this.log.committed + 1).some((e) => e.type === 'confChange');
  }

  /** Sends what `to` lacks: entries, or a snapshot when the log no longer has them. Returns whether it sent. */
  sendAppend(to: number, sendIfEmpty = true): boolean {
    const progress = this.tracker.progress.get(to)!;
    if (progress.isPaused(this.maxInflight)) return false;
    const index = progress.next - 1;
    if (index < this.log.firstIndex - 1) return this.#sendSnapshot(to, progress);
    const logTerm = this.log.term(index);
    const entries = this.log.entries(progress.next, this.log.lastIndex + 1, this.maxSizePerMsg);
    if (entries.length === 0 && !sendIfEmpty) return false;
    this.send({ type: 'MsgApp', to, index, logTerm, entries, commit: this.log.committed });
    progress.sent(index + entries.length, entries.length);
    return true;
  }

  #sendSnapshot(to: number, progress: Progress): boolean {
    if (!progress.recentActive) return false;
    // The configuration is the one in force: a change just applied may be what this snapshot is sent for.
    const snapshot = { ...this.log.snapshot(), confState: this.tracker.confState };
    assert(snapshot.index > 0, 'the log was compacted without a snapshot');
    progress.becomeSnapshot(snapshot.index);
    this.send({ type: 'MsgSnap', to, snapshot });
    return true;
  }

  broadcastAppend(): void {
    for (const id of this.tracker.progress.keys()) if (id !== this.id) this.sendAppend(id);
  }

  broadcastHeartbeat(context: string | undefined): void {
    for (const [to, progress] of this.tracker.progress) {
      if (to === this.id) continue;
      this.send({ type: 'MsgHeartbeat', to, commit: Math.min(progress.match, this.log.committed), context });
    }
  }

  applyConfChange(change: ConfChange): ConfState {
    if (change.type === 'update') return this.tracker.confState;
    const voters = this.tracker.voters.filter((id) => id !== change.node);
    const learners = this.tracker.learners.filter((id) => id !== change.node);
    if (change.type === 'addVoter') voters.push(change.node);
    if (change.type === 'addLearner') learners.push(change.node);
    assert(voters.length > 0, 'a configuration change removed the last voter');
    this.tracker.configure({ voters, learners }, this.log.lastIndex);
    if (this.role === 'leader' && this.tracker.progress.has(this.id)) {
      // A smaller majority may commit more; a new member must hear from the leader at once.
      if (this.maybeCommit()) this.broadcastAppend();
      else for (const id of this.tracker.progress.keys()) if (id !== this.id) this.sendAppend(id, false);
      if (!this.tracker.voters.includes(this.leadTransferee)) this.leadTransferee = 0;
    }
    return this.tracker.confState;
  }

  /** A copy of everything that can change, so that a driver can take back a step it failed to make durable. */
  checkpoint(): RaftCheckpoint {
    return {
      log: this.log.checkpoint(),
      tracker: {
        conf: this.tracker.confState,
        progress: new Map([...this.tracker.progress].map(([id, p]) => [id, p.clone()])),
        votes: new Map(this.tracker.votes),
      },
      readOnly: this.readOnly.clone(),
      fields: {
        term: this.term,
        vote: this.vote,
        role: this.role,
        leader: this.leader,
        leadTransferee: this.leadTransferee,
        pendingConfIndex: this.pendingConfIndex,
        uncommittedSize: this.uncommittedSize,
        electionElapsed: this.electionElapsed,
        heartbeatElapsed: this.heartbeatElapsed,
        randomizedElectionTimeout: this.randomizedElectionTimeout,
        messages: this.messages.slice(),
        readStates: this.readStates.slice(),
        pendingReads: this.pendingReads.slice(),
      },
    };
  }

  rollback(checkpoint: RaftCheckpoint): void {
    this.log.rollback(checkpoint.log);
    this.tracker.voters = checkpoint.tracker.conf.voters;
    this.tracker.learners = checkpoint.tracker.conf.learners;
    this.tracker.progress = checkpoint.tracker.progress;
    this.tracker.votes = checkpoint.tracker.votes;
    this.readOnly = checkpoint.readOnly;
    const { messages, readStates, pendingReads, ...plain } = checkpoint.fields;
    Object.assign(this, plain);
    this.messages = messages.slice();
    this.readStates = readStates.slice();
    this.pendingReads = pendingReads.slice();
  }

  dropped(why: string): never {
    throw new RaftError('ProposalDropped', `raft proposal dropped: ${why}`);
  }
}
