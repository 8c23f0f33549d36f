import {
  assert,
  type Clock,
  type Logger,
  type Prng,
  StoppedError,
  silentLogger,
  TaskGroup,
  wallClock,
} from '../base/index.ts';
import type { Entry, Message } from '../raft/index.ts';
import type { EtcdClusterOptions } from './cluster-options.ts';
import { proposalCodec } from './codec.ts';
import { etcdError } from './errors.ts';
import { EtcdMember } from './etcd-member.ts';
import { Histogram } from './histogram.ts';
import { Housekeeping } from './housekeeping.ts';
import { clusterIdentity } from './identity.ts';
import { EtcdError } from './kv.ts';
import { LeaderWaits } from './leader-waits.ts';
import { LiveMembers } from './live-members.ts';
import { Machines } from './machines.ts';
import type { Member } from './member.ts';
import type { Membership } from './membership.ts';
import type { ProposedRequest } from './proposal.ts';
import { Reconfigure } from './reconfigure.ts';
import { RequestIds } from './request-ids.ts';
import { Roster, type RosterHost } from './roster.ts';
import type { EtcdServerApi, RaftLogEntry, RaftStatus } from './server-api.ts';
import type { StateMachine } from './state-machine.ts';
import type { ClusterStorage } from './storage.ts';
import { Transport } from './transport.ts';
import { Turns } from './turns.ts';

/** Steps of one turn; more means that messages go round in circles. */
const maxSteps = 100_000;

/**
 * The members of an etcd cluster in one process. A turn of the loop takes what has come in, runs every member to a
 * fixpoint over messages without delay, commits once, and only then lets anything out: answers, delayed messages,
 * watch events. So an acknowledgement means: on disk.
 */
export class EtcdCluster implements RosterHost {
  /** Those that belong to the cluster now, in order of index: the same array for good. */
  readonly members: readonly Member[];
  readonly sharedStore: boolean;
  readonly reconfigure: Reconfigure;
  readonly clusterId: bigint;
  readonly electionMs: number;
  readonly electionTicks: number;
  readonly requestTimeoutMs: number;
  /** Faults of the network between members. */
  readonly transport: Transport;
  readonly live!: LiveMembers;
  readonly #options: EtcdClusterOptions;
  readonly #storage: ClusterStorage;
  readonly #clock: Clock;
  readonly #prng: Prng;
  readonly #log: Logger;
  readonly #roster: Roster;
  #any: EtcdMember | undefined;
  readonly #machines: Machines;
  /** As the storage had it: where machines begin. */
  readonly #membership: Membership;
  readonly #tasks = new TaskGroup();
  readonly #heartbeatMs: number;
  readonly #ids: RequestIds;
  readonly #turns = new Turns(() => this.#turn());
  #closed = false;
  #failure: unknown;
  readonly #leaderWaits: LeaderWaits;
  #ticking = false;
  /** Called after members have come or gone. */
  onMembers: () => void = () => {};
  readonly #housekeeping: Housekeeping;
  readonly commitSeconds = new Histogram();

  /** Opens or makes a cluster; with one member, or with storage that has a quorum's logs, it leads when this resolves. */
  static async open(options: EtcdClusterOptions): Promise<EtcdCluster> {
    const cluster = new EtcdCluster(options);
    cluster.#start();
    return cluster;
  }

  private constructor(options: EtcdClusterOptions) {
    const { storage, clock, prng } = options;
    assert(options.members === undefined || [1, 3, 5].includes(options.members), 'a cluster has 1, 3 or 5 members');
    this.#options = options;
    this.#storage = storage;
    this.#clock = clock;
    this.#prng = prng.fork('etcd');
    this.#log = options.log ?? silentLogger;
    this.#heartbeatMs = options.heartbeatMs ?? 100;
    this.electionMs = options.electionMs ?? 1000;
    this.electionTicks = Math.ceil(this.electionMs / this.#heartbeatMs);
    this.requestTimeoutMs = 5000 + 2 * this.electionMs;
    this.sharedStore = options.stores !== 'own';
    this.reconfigure = new Reconfigure(this);
    this.#leaderWaits = new LeaderWaits(clock, this.electionTicks * this.#heartbeatMs);
    this.#machines = new Machines({
      storage,
      clock,
      electionMs: this.electionMs,
      shared: this.sharedStore,
      valueCacheBytes: options.valueCacheBytes,
    });
    this.#roster = new Roster(this, storage);
    this.members = this.#roster.members;
    this.transport = new Transport(
      { clock, prng: this.#prng.fork('network') },
      {
        deliver: (message) => this.memberAt(message.to)?.deliver(message) ?? false,
        unreachable: (from, to) => this.memberAt(from)?.unreachable(to),
        snapshotSent: (from, to, ok) => this.memberAt(from)?.snapshotSent(to, ok),
        wake: () => this.wake(),
        topology: () => this.live?.changed(),
      },
    );
    this.#housekeeping = new Housekeeping({
      options,
      log: this.#log,
      members: this.members,
      machines: this.#machines.all,
      signal: this.#tasks.signal,
      commit: () => this.#commit(),
    });
    storage.setCodec(proposalCodec);
    const identity = clusterIdentity(storage, this.#prng.fork('identity'), options.members);
    this.clusterId = identity.clusterId;
    this.#ids = new RequestIds(storage, this.#prng);
    this.#membership = identity.membership;
    this.#roster.open(identity.membership, identity.fresh);
    this.live = new LiveMembers(this.members, (a, b) => this.connected(a, b) && !this.transport.isHeld(a, b));
    storage.onPending = () => this.wake();
    storage.commit();
  }

  memberAt(index: number): Member | undefined {
    return this.#roster.at(index);
  }

  machineFor(): StateMachine {
    return this.#machines.forMember(this.#membership);
  }

  #start(): void {
    // Whoever has the longest log leads at once: nobody has to wait for a timeout on an ordinary start.
    const last = (m: Member) => m.log.lastIndex();
    const term = (m: Member) => m.log.term(last(m));
    const best = this.members
      .filter((m) => !m.isLearner)
      .reduce((a, b) => (term(b) > term(a) || (term(b) === term(a) && last(b) > last(a)) ? b : a));
    // Nobody stands for election with a change of members to apply.
    if (best.node!.hasReady()) this.#turn();
    best.node!.campaign();
    this.#turn();
    this.#startTicks();
    this.#tasks.spawn('etcd history', (signal) => this.#housekeeping.prune(signal));
    this.#tasks.spawn('etcd progress', async (signal) => {
      for await (const _ of this.#clock.every(this.#options.progressNotifyMs ?? 600_000, signal)) {
        for (const { hub } of this.members) hub.notifyProgress();
      }
    });
  }

  /** The API of a member, 0-based. */
  member(i = 0): EtcdServerApi {
    const api = this.#roster.apis[i];
    assert(api, `there is no etcd member ${i}`);
    return api;
  }

  /** The API of whichever member is live: the loss of a minority is not noticed. */
  anyMember(): EtcdServerApi {
    this.#any ??= new EtcdMember(this.live, this);
    return this.#any;
  }

  get size(): number {
    return this.members.length;
  }

  get single(): boolean {
    return this.members.length === 1;
  }

  /** Which member leads, 0-based, as the newest term has it; undefined when none does. */
  leaderIndex(): number | undefined {
    let best: Member | undefined;
    for (const m of this.members) {
      if (m.node?.role === 'leader' && m.node.term > (best?.node?.term ?? 0)) best = m;
    }
    return best && this.members.indexOf(best);
  }

  status(): readonly RaftStatus[] {
    return this.#roster.apis.map((api) => api.raftStatus());
  }

  /** A member's log, by default the leader's. */
  raftLog(options: { member?: number; from?: number; to?: number; limit?: number } = {}): readonly RaftLogEntry[] {
    return this.member(options.member ?? this.leaderIndex() ?? 0).raftLog(options);
  }

  /** The member loses its memory and stops; its clients see `Unavailable`. What it had on disk stays. */
  crash(i: number): void {
    const member = this.members[i];
    if (!member) return;
    this.live.changed(member);
    member.crash(etcdError('Stopped'));
    member.paused = false;
    this.wake();
  }

  restart(i: number): void {
    const member = this.members[i];
    member?.start();
    // A member alone has no ticks: nobody else will make it stand for election.
    if (this.single) member?.node?.campaign();
    this.live.changed();
    this.wake();
  }

  /** The member stands still: no ticks, no messages taken, no answers. */
  pause(i: number): void {
    const member = this.members[i];
    if (member?.running) member.paused = true;
    this.live.changed();
  }

  resume(i: number): void {
    const member = this.members[i];
    if (member) member.paused = false;
    this.live.changed();
    this.wake();
  }

  /** Starts an election at a member now. */
  campaign(i: number): void {
    this.members[i]?.node?.campaign();
    this.wake();
  }

  /** Ends the cluster: whoever waits gets `Unavailable`, then the storage is closed. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#stop(etcdError('Stopped'));
    await this.#tasks.stop(new StoppedError('etcd is closed'));
    await this.#housekeeping.compacted;
    if (this.#failure === undefined && this.#storage.dirty) this.#storage.commit();
    await this.#storage.close();
  }

  #stop(error: EtcdError): void {
    this.#machines.stopKeepers();
    this.#leaderWaits.fail(error);
    for (const member of this.members) if (member.running) member.crash(error);
    this.live.stop(error);
  }

  // What members and their APIs ask of the cluster.

  wake(): void {
    if (!this.#closed && this.#failure === undefined) this.#turns.wake();
  }

  send(message: Message): void {
    this.transport.send(message);
  }

  connected(a: number, b: number): boolean {
    return this.transport.connected(a, b);
  }

  reachable(a: Member, b: Member): boolean {
    return b.running && !b.paused && this.live.meet(a, b);
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  now(): number {
    return this.#clock.now();
  }

  random(n: number): number {
    return this.#prng.int(n);
  }

  markApplied(entry: Entry): void {
    this.#storage.markApplied(entry);
  }

  nextProposalId(member: number): number {
    return this.#ids.nextProposal(member);
  }

  newLeaseId(): number {
    return this.#ids.newLease();
  }

  sizes() {
    return this.#storage.size();
  }

  checkQuota(member: Member, request: ProposedRequest): void {
    this.#housekeeping.checkQuota(member, request);
  }

  compactIndex(member: Member): Promise<void> {
    return this.#housekeeping.compactIndex(member);
  }

  hash(member: Member, revision: number): Promise<number> {
    return this.#housekeeping.hash(member, revision);
  }

  pinned<T>(revision: number, work: () => Promise<T>): Promise<T> {
    return this.#housekeeping.pinned(revision, work);
  }

  defragment(): Promise<void> {
    return this.#housekeeping.defragment();
  }

  /**
   * Erases the past of a key from the disk, e.g. of a Secret that should never have been written; what the key holds now
   * stays. All of etcd is compacted for it, since the past is whole or not there, and the Raft logs are cut. Throws
   * EtcdError FailedPrecondition while somebody still needs the past.
   */
  async purge(key: Uint8Array): Promise<{ readonly revisions: number; readonly compactRevision: number }> {
    const { header } = await this.anyMember().range({ key, countOnly: true });
    const compactRevision = header.revision;
    if (this.members.some(({ cursor }) => cursor.compactRevision < compactRevision)) {
      await this.anyMember().compact(compactRevision, { physical: true });
    }
    return { revisions: this.#housekeeping.erase(key, compactRevision), compactRevision };
  }

  moveLeader(member: Member, target: Member): Promise<void> {
    const leads = this.#leaderWaits.until(target);
    member.node!.transferLeader(target.index);
    this.wake();
    return leads;
  }

  leaving(member: Member): void {
    this.live.changed(member);
    this.#log.info('a member was removed', { member: member.name });
  }

  /** Members come and go as the turn's entries said. */
  #reconcile(): void {
    try {
      if (!this.#roster.reconcile()) return;
    } catch (error) {
      this.#fail(this.#storage.explain(error));
      return;
    }
    this.live.changed();
    this.#startTicks();
    this.wake();
    this.onMembers();
  }

  /** A member alone needs no ticks: it has nobody to hear from, and leads. */
  #startTicks(): void {
    if (this.single || this.#ticking || this.#closed) return;
    this.#ticking = true;
    this.#tasks.spawn('etcd ticks', (signal) => this.#tick(signal));
  }

  // Turns.

  #turn(): void {
    if (this.#closed || this.#failure !== undefined) return;
    const checkpoints = this.members.map((m) => m.checkpoint());
    try {
      this.#toFixpoint();
      this.#housekeeping.compactLogs();
      this.#timedCommit();
    } catch (error) {
      this.#turnFailed(this.#storage.explain(error), checkpoints);
      return;
    }
    this.#finish();
  }

  #toFixpoint(): void {
    for (let steps = 0, busy = true; busy; steps++) {
      assert(steps < maxSteps, 'a turn does not end');
      busy = false;
      for (const member of this.members) if (member.drive()) busy = true;
    }
  }

  #finish(): void {
    const published = new Map(this.#machines.all.map((machine) => [machine, machine.publish()]));
    for (const member of this.members) if (member.running) member.finish(published.get(member.machine)!);
    this.transport.release();
    this.#machines.updateKeepers(this.members);
    this.#leaderWaits.check();
    this.#reconcile();
    this.#housekeeping.committed();
    if (this.members.some((m) => m.backlog)) this.wake();
  }

  #turnFailed(error: unknown, checkpoints: ReturnType<Member['checkpoint']>[]): void {
    const code = (error as { code?: unknown }).code;
    const transient = code === 'NoSpace' || code === 'Busy';
    if (!transient) {
      this.#fail(error);
      return;
    }
    this.#log.error('a commit failed; the requests in it were refused', { error: (error as Error).message });
    try {
      this.#storage.rollback();
    } catch (fatal) {
      this.#fail(fatal);
      return;
    }
    for (const machine of this.#machines.all) machine.rollback();
    this.transport.discard();
    const refusal = code === 'NoSpace' ? etcdError('NoSpace') : new EtcdError('Unavailable', (error as Error).message);
    this.members.forEach((m, i) => {
      if (m.running) m.rollback(checkpoints[i]!, refusal);
    });
  }

  /** Nothing is known about the last commit: stop before anybody is told anything. */
  #fail(error: unknown): void {
    this.#failure = error;
    this.#log.error('the store has failed', { error: String(error) });
    this.#stop(etcdError('Stopped'));
    this.#tasks.abort(new StoppedError('the store has failed'));
    this.#options.onFailure?.(error);
  }

  #timedCommit(): void {
    const { dirty } = this.#storage;
    const start = dirty ? wallClock.monotonic() : 0;
    this.#storage.commit();
    if (dirty) this.commitSeconds.observe((wallClock.monotonic() - start) / 1000);
  }

  get quotaBytes(): number {
    return this.#housekeeping.quota;
  }

  /** Commits what maintenance wrote; false when that failed and was taken back. */
  #commit(): boolean {
    try {
      this.#storage.commit();
      return true;
    } catch (error) {
      this.#turnFailed(
        this.#storage.explain(error),
        this.members.map((m) => m.checkpoint()),
      );
      return false;
    }
  }

  async #tick(signal: AbortSignal): Promise<void> {
    for await (const _ of this.#clock.every(this.#heartbeatMs, signal)) {
      for (const member of this.members) member.tick();
      this.wake();
    }
  }
}
