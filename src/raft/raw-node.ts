import { makeMessage, Raft, type RaftCheckpoint, type RaftConfig } from './raft.ts';
import { step } from './step.ts';
import type { ProgressState } from './tracker.ts';
import {
  type ConfChange,
  type ConfState,
  type Entry,
  type EntryType,
  type HardState,
  type Message,
  RaftError,
  type Ready,
  type Role,
  type SoftState,
} from './types.ts';

export interface NodeStatus {
  readonly id: number;
  readonly role: Role;
  readonly term: number;
  readonly vote: number;
  readonly leader: number;
  readonly commit: number;
  readonly applied: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly leadTransferee: number;
  readonly confState: ConfState;
  /** On the leader; empty elsewhere. In order of ID. */
  readonly progress: readonly {
    readonly id: number;
    readonly match: number;
    readonly next: number;
    readonly state: ProgressState;
    readonly recentActive: boolean;
    readonly paused: boolean;
    readonly isLearner: boolean;
  }[];
}

export interface NodeCheckpoint {
  readonly raft: RaftCheckpoint;
  readonly hardState: HardState;
  readonly softState: SoftState;
}

const responses = new Set<Message['type']>([
  'MsgAppResp',
  'MsgVoteResp',
  'MsgPreVoteResp',
  'MsgHeartbeatResp',
  'MsgUnreachable',
  'MsgReadIndexResp',
]);
const local = new Set<Message['type']>(['MsgHup', 'MsgBeat', 'MsgUnreachable', 'MsgSnapStatus', 'MsgCheckQuorum']);

/**
 * One node, driven from outside: feed it `tick` and `step`, do what `ready` says in the order it says, then `advance`.
 * Between `ready` and `advance` nothing else may be called. Upstream: etcd-io/raft rawnode.go.
 */
export class RawNode {
  readonly #raft: Raft;
  #hardState: HardState;
  #softState: SoftState;

  constructor(config: RaftConfig) {
    this.#raft = new Raft(config);
    this.#hardState = this.#raft.hardState;
    this.#softState = { leader: this.#raft.leader, role: this.#raft.role };
  }

  get id(): number {
    return this.#raft.id;
  }

  get leader(): number {
    return this.#raft.leader;
  }

  get role(): Role {
    return this.#raft.role;
  }

  get term(): number {
    return this.#raft.term;
  }

  get committed(): number {
    return this.#raft.log.committed;
  }

  /** False while proposals are sure to be dropped. */
  get acceptsProposals(): boolean {
    return this.#raft.leader !== 0 && this.#raft.leadTransferee === 0;
  }

  /** False where a change of members is not applied yet: a leader would make nothing of another one. */
  get acceptsConfChange(): boolean {
    return this.#raft.pendingConfIndex <= this.#raft.log.applied;
  }

  /** One unit of time has passed. */
  tick(): void {
    const raft = this.#raft;
    raft.electionElapsed++;
    if (raft.role !== 'leader') {
      if (raft.promotable && raft.electionElapsed >= raft.randomizedElectionTimeout) {
        raft.electionElapsed = 0;
        this.#local('MsgHup');
      }
      return;
    }
    raft.heartbeatElapsed++;
    if (raft.electionElapsed >= raft.electionTimeout) {
      raft.electionElapsed = 0;
      if (raft.checkQuorum) this.#local('MsgCheckQuorum');
      // A transfer that took a whole election timeout has failed.
      if (this.#raft.role === 'leader') raft.leadTransferee = 0;
    }
    if (this.#raft.role === 'leader' && raft.heartbeatElapsed >= raft.heartbeatTimeout) {
      raft.heartbeatElapsed = 0;
      this.#local('MsgBeat');
    }
  }

  /** Starts an election now. */
  campaign(): void {
    this.#local('MsgHup');
  }

  /** Proposes entries in order, all or none. Throws RaftError ProposalDropped: try again later. */
  propose(proposals: readonly { readonly data: unknown; readonly size: number; readonly type?: EntryType }[]): void {
    const entries = proposals.map(({ data, size, type = 'normal' }) => ({ term: 0, index: 0, type, data, size }));
    step(this.#raft, makeMessage({ type: 'MsgProp', from: this.id, to: this.id, entries }));
  }

  proposeConfChange(change: ConfChange, size = 16): void {
    const entry: Entry = { term: 0, index: 0, type: 'confChange', data: change, size };
    step(this.#raft, makeMessage({ type: 'MsgProp', from: this.id, to: this.id, entries: [entry] }));
  }

  /** Call for every committed `confChange` entry. */
  applyConfChange(change: ConfChange): ConfState {
    return this.#raft.applyConfChange(change);
  }

  /**
   * Takes a message of another node. Throws RaftError StepLocal for messages that never travel, StepPeerNotFound for
   * answers of strangers, ProposalDropped for forwarded proposals that cannot be taken.
   */
  step(message: Message): void {
    if (local.has(message.type)) throw new RaftError('StepLocal', `raft: cannot step local message ${message.type}`);
    if (responses.has(message.type) && !this.#raft.tracker.progress.has(message.from)) {
      throw new RaftError('StepPeerNotFound', `raft: cannot step as peer ${message.from} is not known`);
    }
    step(this.#raft, message);
  }

  /** Asks for a moment at which a read is linearizable; it comes back in `readStates` with `context`, or is lost. */
  readIndex(context: string): void {
    step(this.#raft, makeMessage({ type: 'MsgReadIndex', from: this.id, to: this.id, context }));
  }

  transferLeader(transferee: number): void {
    step(this.#raft, makeMessage({ type: 'MsgTransferLeader', from: transferee, to: this.id }));
  }

  reportUnreachable(id: number): void {
    step(this.#raft, makeMessage({ type: 'MsgUnreachable', from: id, to: this.id }));
  }

  reportSnapshot(id: number, ok: boolean): void {
    step(this.#raft, makeMessage({ type: 'MsgSnapStatus', from: id, to: this.id, reject: !ok }));
  }

  hasReady(): boolean {
    const { log, messages, readStates } = this.#raft;
    return (
      messages.length > 0 ||
      log.unstableEntries.length > 0 ||
      log.hasNextCommitted ||
      readStates.length > 0 ||
      log.unstableSnapshot !== undefined ||
      this.#softStateChanged() ||
      this.#hardStateChanged()
    );
  }

  ready(): Ready {
    const raft = this.#raft;
    const ready: Ready = {
      softState: this.#softStateChanged() ? { leader: raft.leader, role: raft.role } : undefined,
      hardState: this.#hardStateChanged() ? raft.hardState : undefined,
      entries: raft.log.unstableEntries.slice(),
      snapshot: raft.log.unstableSnapshot,
      committedEntries: raft.log.nextCommitted(raft.maxCommittedSizePerReady),
      messages: raft.messages,
      readStates: raft.readStates,
    };
    raft.messages = [];
    raft.readStates = [];
    return ready;
  }

  /** Everything `ready` asked for is done. */
  advance(ready: Ready): void {
    const raft = this.#raft;
    if (ready.softState) this.#softState = ready.softState;
    if (ready.hardState) this.#hardState = ready.hardState;
    const last = ready.entries.at(-1);
    if (last) raft.log.stableTo(last.index, last.term);
    if (ready.snapshot) {
      raft.log.stableSnapshotTo(ready.snapshot.index);
      raft.log.appliedTo(ready.snapshot.index);
    }
    const applied = ready.committedEntries.at(-1);
    if (applied) {
      raft.log.appliedTo(applied.index);
      raft.reduceUncommitted(ready.committedEntries);
    }
  }

  status(): NodeStatus {
    const { log, tracker, ...raft } = this.#raft;
    const progress = [...tracker.progress].map(([id, p]) => ({
      id,
      match: p.match,
      next: p.next,
      state: p.state,
      recentActive: p.recentActive,
      paused: p.isPaused(this.#raft.maxInflight),
      isLearner: p.isLearner,
    }));
    return {
      id: raft.id,
      role: raft.role,
      term: raft.term,
      vote: raft.vote,
      leader: raft.leader,
      commit: log.committed,
      applied: log.applied,
      firstIndex: log.firstIndex,
      lastIndex: log.lastIndex,
      leadTransferee: raft.leadTransferee,
      confState: tracker.confState,
      progress: raft.role === 'leader' ? progress : [],
    };
  }

  /** Entries of the log in [from, to] that it still has, at most `limit`. */
  entries(from: number, to: number, limit: number): readonly Entry[] {
    const { log } = this.#raft;
    const lo = Math.max(from, log.firstIndex);
    const hi = Math.min(to, log.lastIndex, lo + limit - 1);
    return hi < lo ? [] : log.entries(lo, hi + 1);
  }

  /** A point to come back to when what followed could not be made durable. Storage is rolled back by its owner. */
  checkpoint(): NodeCheckpoint {
    return { raft: this.#raft.checkpoint(), hardState: this.#hardState, softState: this.#softState };
  }

  /** A checkpoint can be used once. */
  rollback(checkpoint: NodeCheckpoint): void {
    this.#raft.rollback(checkpoint.raft);
    this.#hardState = checkpoint.hardState;
    this.#softState = checkpoint.softState;
  }

  #local(type: Message['type']): void {
    step(this.#raft, makeMessage({ type, from: this.id, to: this.id }));
  }

  #softStateChanged(): boolean {
    return this.#raft.leader !== this.#softState.leader || this.#raft.role !== this.#softState.role;
  }

  #hardStateChanged(): boolean {
    const { term, vote, commit } = this.#hardState;
    return this.#raft.term !== term || this.#raft.vote !== vote || this.#raft.log.committed !== commit;
  }
}
