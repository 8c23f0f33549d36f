import { assert, Deferred } from '../base/index.ts';
import { type RevisionChanges, WatchHub } from '../mvcc/index.ts';
import {
  type ConfChange,
  type Entry,
  type LogStore,
  type Message,
  type NodeCheckpoint,
  RaftError,
  RawNode,
} from '../raft/index.ts';
import type { Outcome } from './apply.ts';
import { maxRequestBytes } from './check.ts';
import { etcdError } from './errors.ts';
import type { CallOptions, EtcdError, ResponseHeader } from './kv.ts';
import type { MemberHost } from './member-host.ts';
import { entryOf, needsSpace, type Proposal, type ProposedRequest, proposalOf } from './proposal.ts';
import { ReadRequests } from './read-requests.ts';
import { requestSize } from './request-size.ts';
import type { Cursor, StateDump, StateMachine } from './state-machine.ts';

/** Entries and bytes one member proposes in a turn: the size of a commit. */
const maxTurnEntries = 128;
const maxTurnBytes = 1024 * 1024;
/** Requests a member holds before it refuses more, as etcd's maxGapBetweenApplyAndCommitIndex. */
const maxPending = 5000;
/** Messages held for a member that does not run. */
const maxInbox = 4096;

interface Pending {
  readonly proposal: Proposal;
  readonly deferred: Deferred<unknown>;
  readonly signal: AbortSignal | undefined;
  /** Another member may answer. */
  readonly movable: boolean;
  /** Monotonic ms. */
  readonly since: number;
}

export interface MemberCheckpoint {
  readonly node: NodeCheckpoint | undefined;
  readonly cursor: Cursor;
}

/**
 * One member: a Raft node, its log, a cursor in the state machine, its watchers, and the requests that wait.
 * `drive` does a step of a turn; nothing it causes leaves before the cluster has committed and calls `finish`.
 */
export class Member {
  readonly index: number;
  readonly id: bigint;
  readonly name: string;
  readonly log: LogStore;
  readonly machine: StateMachine;
  readonly cursor: Cursor;
  clientUrls: readonly string[] = [];
  hub: WatchHub;
  /** Undefined while crashed. */
  node: RawNode | undefined;
  paused = false;
  /** Monotonic ms at which the leader known now was first known. */
  leaderSince = 0;
  /** Since it started. */
  leaderChanges = 0;
  /** Requests nobody answered in time. */
  failedProposals = 0;
  readonly #host: MemberHost;
  #inbox: Message[] = [];
  #unreachable = new Set<number>();
  #snapshotsSent = new Map<number, boolean>();
  #queue: Pending[] = [];
  readonly #waiting = new Map<number, Pending>();
  /** What other members did for requests of this one, until its own cursor gets there. */
  readonly #stash = new Map<number, Outcome>();
  readonly #reads = new ReadRequests();
  #readSeq = 0;
  #leaderSeen = 0;
  // This turn's:
  #taken: Pending[] = [];
  #takenBytes = 0;
  #answers: { pending: Pending; outcome: Outcome }[] = [];
  #jumped = false;

  constructor(
    host: MemberHost,
    identity: { index: number; id: bigint; name: string },
    log: LogStore,
    machine: StateMachine,
    cursor: Cursor,
  ) {
    this.#host = host;
    this.index = identity.index;
    this.id = identity.id;
    this.name = identity.name;
    this.log = log;
    this.machine = machine;
    this.cursor = cursor;
    this.hub = new WatchHub(machine.store, cursor.revision, cursor.compactRevision);
    this.start();
  }

  get pendingProposals(): number {
    return this.#queue.length + this.#waiting.size;
  }

  get running(): boolean {
    return this.node !== undefined;
  }

  /** It receives the log and has no vote. */
  get isLearner(): boolean {
    return this.machine.membership.members.find((m) => m.index === this.index)?.isLearner ?? false;
  }

  get leader(): Member | undefined {
    const leader = this.node?.leader ?? 0;
    return leader === 0 ? undefined : this.#host.memberAt(leader);
  }

  /** Starts, or starts again after a crash: from the log and the cursor, with nothing else remembered. */
  start(): void {
    assert(!this.node, `member ${this.name} runs already`);
    const host = this.#host;
    this.log.setSnapshotSource(() => this.#snapshotData());
    this.node = new RawNode({
      id: this.index,
      storage: this.log,
      random: (n) => host.random(n),
      electionTick: host.electionTicks,
    });
    this.hub = new WatchHub(this.machine.store, this.cursor.revision, this.cursor.compactRevision);
  }

  /** Loses everything but log and cursor; whoever waits gets `error`. */
  crash(error: EtcdError): void {
    this.node = undefined;
    this.#inbox = [];
    this.#unreachable.clear();
    this.#snapshotsSent.clear();
    this.#stash.clear();
    // Answers of a turn that did not end well were never given.
    const answered = this.#answers.map(({ pending }) => pending);
    for (const { deferred } of [...this.#queue, ...this.#waiting.values(), ...answered]) deferred.reject(error);
    this.#answers = [];
    this.#queue = [];
    this.#waiting.clear();
    this.#reads.fail(error);
    this.hub.close(error);
  }

  header(revision: number = this.cursor.revision): ResponseHeader {
    return { clusterId: this.#host.clusterId, memberId: this.id, revision, raftTerm: this.node?.term ?? 0 };
  }

  /** Proposes a request; resolves with its response once it is applied here and durable. */
  propose(request: ProposedRequest, options: CallOptions | undefined, movable = false): Promise<unknown> {
    const host = this.#host;
    try {
      if (!this.node) throw etcdError('Stopped');
      options?.signal?.throwIfAborted();
      const size = requestSize(request, this.id, options?.auth);
      if (size > maxRequestBytes) throw etcdError('RequestTooLarge');
      if (this.#queue.length + this.#waiting.size >= maxPending) throw etcdError('TooManyRequests');
      if (needsSpace(request)) host.checkQuota(this, request);
      const proposal: Proposal = {
        id: host.nextProposalId(this.index),
        member: this.index,
        time: host.now(),
        provenance: options?.provenance,
        auth: options?.auth,
        request,
        size,
      };
      const deferred = new Deferred<unknown>();
      this.#queue.push({ proposal, deferred, signal: options?.signal, movable, since: host.monotonic() });
      host.wake();
      return deferred.promise;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Resolves when a read at the member it gives sees all that was acknowledged before the call; undefined: at once. */
  linearizable(movable = false): Promise<Member> | undefined {
    if (!this.node) return Promise.reject(etcdError('Stopped'));
    // Alone, and nothing is between what is applied and what is committed: turns are synchronous.
    if (this.#host.single && this.node.role === 'leader') return undefined;
    const read = this.#reads.add(movable, this.#host.monotonic());
    this.#host.wake();
    return read;
  }

  /**
   * Gives requests that any member may answer to another one. What was proposed is not proposed again: it is answered
   * there once it is applied, or times out as it would have here.
   */
  handOver(to: Member): void {
    const moves = ({ movable }: { movable: boolean }) => movable;
    to.#queue.push(...this.#queue.filter(moves));
    this.#queue = this.#queue.filter((p) => !p.movable);
    for (const [id, pending] of this.#waiting) {
      if (!pending.movable) continue;
      this.#waiting.delete(id);
      to.#waiting.set(id, pending);
    }
    // What another member did for a request of this one: `to` has applied it, so nobody else would answer.
    for (const [id, outcome] of this.#stash) {
      const pending = to.#waiting.get(id);
      if (!pending) continue;
      to.#waiting.delete(id);
      this.#stash.delete(id);
      settle({ pending, outcome });
    }
    this.#reads.handOver(to.#reads);
    this.#host.wake();
  }

  /** Takes a message for the next step; false when the member is down or drowning. */
  deliver(message: Message): boolean {
    if (!this.node || this.#inbox.length >= maxInbox) return false;
    this.#inbox.push(message);
    return true;
  }

  /** A snapshot to `to` has arrived there, or was lost. */
  snapshotSent(to: number, ok: boolean): void {
    this.#snapshotsSent.set(to, ok);
  }

  /** A message to `to` could not leave. */
  unreachable(to: number): void {
    this.#unreachable.add(to);
  }

  tick(): void {
    if (!this.node || this.paused) return;
    this.node.tick();
    this.#expire();
  }

  #expire(): void {
    const { requestTimeoutMs } = this.#host;
    const now = this.#host.monotonic();
    const late = (since: number) => now - since >= requestTimeoutMs;
    const over = (p: Pending) => {
      if (p.signal?.aborted) p.deferred.reject(p.signal.reason);
      else if (late(p.since)) {
        this.failedProposals++;
        p.deferred.reject(this.#timeout(p.since));
      } else return false;
      return true;
    };
    if (this.#queue.length > 0) this.#queue = this.#queue.filter((p) => !over(p));
    for (const [id, p] of this.#waiting) if (over(p)) this.#waiting.delete(id);
    this.#reads.expire(now, (since) => (late(since) ? this.#timeout(since) : undefined));
  }

  #timeout(since: number): EtcdError {
    const { leader } = this;
    if (leader && since < this.leaderSince) return etcdError('TimeoutDueToLeaderFail');
    const reaches = (m: Member) => m === this || (m.running && this.#host.connected(this.index, m.index));
    const voters = this.#host.members.filter((m) => !m.isLearner);
    const quorum = voters.filter(reaches).length > voters.length / 2;
    return etcdError((leader ? reaches(leader) : quorum) ? 'Timeout' : 'TimeoutDueToConnectionLost');
  }

  checkpoint(): MemberCheckpoint {
    this.#taken = [];
    this.#takenBytes = 0;
    this.#answers = [];
    this.#jumped = false;
    return { node: this.node?.checkpoint(), cursor: { ...this.cursor } };
  }

  /** The turn's commit failed: it did not happen, and its requests get `error`. Reads try again. */
  rollback(checkpoint: MemberCheckpoint, error: unknown): void {
    if (checkpoint.node) this.node!.rollback(checkpoint.node);
    Object.assign(this.cursor, checkpoint.cursor);
    this.#inbox = [];
    for (const { proposal } of this.#taken) {
      this.#waiting.delete(proposal.id);
      this.#stash.delete(proposal.id);
    }
    // Proposed in an earlier turn: still in the log, and answered when it is applied after all.
    for (const { pending } of this.#answers) {
      if (!this.#taken.includes(pending)) this.#waiting.set(pending.proposal.id, pending);
    }
    for (const { deferred } of this.#taken) deferred.reject(error);
    this.#reads.retry();
  }

  /** One step of a turn. Returns whether anything happened. */
  drive(): boolean {
    const { node } = this;
    if (!node || this.paused) return false;
    const fed = this.#feed(node);
    if (!node.hasReady()) return fed;
    const ready = node.ready();
    if (ready.softState && ready.softState.leader !== this.#leaderSeen) {
      this.#leaderSeen = ready.softState.leader;
      this.leaderSince = this.#host.monotonic();
      if (this.#leaderSeen !== 0) this.leaderChanges++;
    }
    if (ready.snapshot) this.log.applySnapshot(ready.snapshot);
    this.log.append(ready.entries);
    if (ready.hardState) this.log.setHardState(ready.hardState);
    for (const message of ready.messages) this.#host.send(message);
    if (ready.snapshot) this.#restore(ready.snapshot.data as { cursor: Cursor; dump?: StateDump });
    for (const entry of ready.committedEntries) this.#apply(node, entry);
    if (ready.committedEntries.length > 0) this.log.setApplied(this.cursor.index);
    for (const state of ready.readStates) this.#reads.confirm(state);
    node.advance(ready);
    return true;
  }

  #feed(node: RawNode): boolean {
    let fed = false;
    for (const to of this.#unreachable) node.reportUnreachable(to);
    this.#unreachable.clear();
    for (const [to, ok] of this.#snapshotsSent) node.reportSnapshot(to, ok);
    this.#snapshotsSent.clear();
    if (this.#inbox.length > 0) {
      const inbox = this.#inbox;
      this.#inbox = [];
      fed = true;
      for (const message of inbox) {
        try {
          node.step(message);
        } catch (error) {
          // A proposal forwarded to a node that does not lead, or a stranger's answer: lost, as on any network.
          if (!(error instanceof RaftError)) throw error;
        }
      }
    }
    if (this.#queue.length > 0 && this.#canPropose(node) && this.#propose(node)) fed = true;
    if (this.#reads.due && node.leader !== 0) {
      const context = `${this.index}/${this.#host.nextProposalId(this.index)}/${++this.#readSeq}`;
      this.#reads.ask(context, this.#host.monotonic());
      node.readIndex(context);
      fed = true;
    }
    return fed;
  }

  /** A leader is known and can be reached: what is sent to one that cannot be would be lost. */
  #canPropose(node: RawNode): boolean {
    if (!node.acceptsProposals) return false;
    const { leader } = this;
    return leader === undefined || leader === this || this.#host.reachable(this, leader);
  }

  #propose(node: RawNode): boolean {
    let n = 0;
    while (n < this.#queue.length && this.#taken.length + n < maxTurnEntries) {
      const { size, request } = this.#queue[n]!.proposal;
      if (request.kind === 'member') {
        // By itself, and one at a time.
        if (n === 0 && this.#changesMembers) n = 1;
        break;
      }
      if (this.#taken.length + n > 0 && this.#takenBytes + size > maxTurnBytes) break;
      this.#takenBytes += size;
      n++;
    }
    if (n === 0) return false;
    const batch = this.#queue.slice(0, n);
    try {
      node.propose(batch.map(({ proposal }) => entryOf(proposal, this.machine.membership)));
    } catch (error) {
      if (error instanceof RaftError && error.code === 'ProposalDropped') return false;
      throw error;
    }
    this.#queue = this.#queue.slice(n);
    for (const pending of batch) {
      this.#taken.push(pending);
      this.#waiting.set(pending.proposal.id, pending);
    }
    return true;
  }

  /** The leader has no change of members left to apply: it would drop the next one. */
  get #changesMembers(): boolean {
    return this.leader?.node?.acceptsConfChange ?? false;
  }

  /** Requests left for the next turn. What waits for a change of members waits for the message that brings it. */
  get backlog(): boolean {
    const first = this.#queue[0];
    if (!first || !this.node || this.paused || !this.#canPropose(this.node)) return false;
    return first.proposal.request.kind !== 'member' || this.#changesMembers;
  }

  #apply(node: RawNode, entry: Entry): void {
    const { members } = this.#host;
    const outcome = this.machine.apply(entry, this.cursor, (member, revision) =>
      (this.#host.memberAt(member) ?? this).header(revision),
    );
    if (entry.type === 'confChange') this.#reconfigure(node, entry);
    const proposal = proposalOf(entry);
    if (!proposal) return;
    if (outcome) this.#host.markApplied(entry);
    if (this.#waiting.has(proposal.id)) this.#answer(proposal.id, outcome);
    else if (outcome) for (const m of members) if (m !== this) m.stashOutcome(proposal.id, outcome, this.machine);
  }

  #reconfigure(node: RawNode, entry: Entry): void {
    if (this.machine.refused(entry.index)) return;
    const change = entry.data as ConfChange;
    // Who joins has none of the entries before: the first one goes, so that the log alone will not do, and a snapshot is sent.
    this.log.setApplied(entry.index);
    if (change.type !== 'remove' && this.log.firstIndex() === 1) this.log.compact(1);
    this.log.setConfState(node.applyConfChange(change));
  }

  /** Another member has executed a request of this one. */
  stashOutcome(id: number, outcome: Outcome, machine: StateMachine): void {
    if (machine === this.machine && this.#waiting.has(id)) this.#stash.set(id, outcome);
  }

  #answer(id: number, executed: Outcome | undefined): void {
    const outcome = executed ?? this.#stash.get(id);
    this.#stash.delete(id);
    const pending = this.#waiting.get(id);
    if (!pending || !outcome) return;
    this.#waiting.delete(id);
    this.#answers.push({ pending, outcome });
  }

  #snapshotData(): { cursor: Cursor; dump?: StateDump } {
    return this.#host.sharedStore
      ? { cursor: { ...this.cursor } }
      : { cursor: { ...this.cursor }, dump: this.machine.dump() };
  }

  #restore(data: { cursor: Cursor; dump?: StateDump }): void {
    if (data.dump) this.machine.restore(data.dump);
    Object.assign(this.cursor, data.cursor);
    this.#jumped = true;
  }

  /** The turn is durable: tells watchers, then answers. `published` is what the member's state machine published. */
  finish(published: readonly RevisionChanges[]): void {
    const { revision, compactRevision, index } = this.cursor;
    if (this.#jumped) this.hub.jump(revision, compactRevision);
    else if (revision !== this.hub.revision || compactRevision > 0) {
      this.hub.advance(this.#changesFor(published), revision, compactRevision);
    }
    for (const answer of this.#answers) settle(answer);
    this.#answers = [];
    this.#reads.applied(index, this);
  }

  #changesFor(published: readonly RevisionChanges[]): readonly RevisionChanges[] {
    const { revision } = this.cursor;
    const before = this.hub.revision;
    if (revision === before || this.hub.size === 0) return [];
    const first = published[0];
    if (first?.revision === before + 1 && published.at(-1)!.revision === revision) return published;
    const all = { start: '', end: undefined, single: false };
    return this.machine.store.changesBetween(before, revision, all, Number.MAX_SAFE_INTEGER).changes;
  }
}

function settle({ pending, outcome }: { pending: Pending; outcome: Outcome }): void {
  if (outcome.error) pending.deferred.reject(outcome.error);
  else pending.deferred.resolve(outcome.response);
}
