import { deferTurn, type Logger } from '../base/index.ts';
import type { EtcdClusterOptions } from './cluster-options.ts';
import { etcdError } from './errors.ts';
import { EtcdError } from './kv.ts';
import { compactIndex, defaultHistorySize, pruneHistory } from './maintenance.ts';
import type { Member } from './member.ts';
import type { ProposedRequest } from './proposal.ts';
import { hashRevisions } from './revisions.ts';
import type { StateMachine } from './state-machine.ts';

export interface HousekeepingDeps {
  readonly options: EtcdClusterOptions;
  readonly log: Logger;
  /** The cluster's own arrays: members come and go. */
  readonly members: readonly Member[];
  readonly machines: readonly StateMachine[];
  /** Aborts when the cluster ends, however it does. */
  readonly signal: AbortSignal;
  /** Commits what was written outside a turn; false when that failed and was taken back. */
  readonly commit: () => boolean;
}

/** How often history is held to its bounds, ms. */
const pruneEveryMs = 30_000;
/** Log entries compacted away at once. */
const compactStep = 500;
/** Commits between two looks at the database's size for the quota. */
const commitsPerQuotaCheck = 32;
/** Free pages given back between two turns. */
const shrinkPages = 512;

/** What keeps a cluster's database small: quota, compaction of index and logs, pruning, defragmenting, erasing. */
export class Housekeeping {
  readonly #deps: HousekeepingDeps;
  #overQuota = false;
  #commits = 0;
  #compacting: Promise<void> = Promise.resolve();
  /** Revisions whose state somebody reads slice by slice: it is not pruned. */
  readonly #pins = new Set<{ readonly revision: number }>();

  constructor(deps: HousekeepingDeps) {
    this.#deps = deps;
  }

  /** Resolves when no index is being compacted. */
  get compacted(): Promise<void> {
    return this.#compacting;
  }

  /** After each turn. */
  committed(): void {
    if (++this.#commits % commitsPerQuotaCheck === 0) this.#checkSize();
    for (const machine of this.#deps.machines) {
      machine.store.lessor.forgetRevoked(this.#lowest(machine, machine.store.appliedIndex, 'index'));
    }
  }

  /** Throws NoSpace, and raises the alarm, when the database is over its quota. */
  checkQuota(member: Member, request: ProposedRequest): void {
    if (!this.#overQuota || request.kind === 'alarm') return;
    const raised = member.machine.alarms.some((row) => row.member === member.index && row.alarm === 'nospace');
    if (!raised) {
      this.#deps.log.warn('the database exceeds its quota', { quotaBytes: this.quota });
      const alarm: ProposedRequest = { kind: 'alarm', action: 'activate', member: member.index, alarm: 'nospace' };
      member.propose(alarm, { provenance: { actor: 'etcd:quota' } }).catch(() => {});
    }
    throw etcdError('NoSpace');
  }

  /** Takes compacted revisions out of a member's index; one such work at a time. */
  compactIndex(member: Member): Promise<void> {
    const { store } = member.machine;
    const lowest = () => this.#lowestRevision(member.machine);
    this.#compacting = this.#compacting.then(() => compactIndex(store, lowest, this.#deps.signal));
    return this.#compacting;
  }

  hash(member: Member, revision: number): Promise<number> {
    const { compactRevision } = member.cursor;
    return this.pinned(compactRevision, () => hashRevisions(member.machine.store, compactRevision, revision));
  }

  /** While `work` runs, what was there at `revision` is not pruned. */
  async pinned<T>(revision: number, work: () => Promise<T>): Promise<T> {
    const pin = { revision };
    this.#pins.add(pin);
    try {
      return await work();
    } finally {
      this.#pins.delete(pin);
    }
  }

  async defragment(): Promise<void> {
    const { signal, commit, options } = this.#deps;
    await this.#prune(options.clock.now(), signal);
    do {
      if (signal.aborted || !commit()) return;
      await new Promise<void>((resolve) => deferTurn(resolve));
    } while (!signal.aborted && options.storage.shrink(shrinkPages));
    this.#checkSize();
  }

  /** Erases what a key was before it was compacted at `revision`, from rows, logs and file; returns how many revisions. */
  erase(key: Uint8Array, revision: number): number {
    const { members, machines, commit, options } = this.#deps;
    const behind = members.find((m) => m.cursor.index < m.machine.store.appliedIndex || m.cursor.revision < revision);
    if (behind) {
      throw new EtcdError(
        'FailedPrecondition',
        `member ${behind.name} lags and still reads the past: let it catch up first`,
      );
    }
    if (this.#pins.size > 0) {
      throw new EtcdError('FailedPrecondition', 'a snapshot is being taken: try again when it is done');
    }
    let revisions = 0;
    for (const machine of machines) revisions = Math.max(revisions, machine.store.backend.purge(key));
    for (const { log, cursor } of members) log.compact(cursor.index);
    if (!commit()) throw new EtcdError('Unavailable', 'etcdserver: the database could not be written');
    options.storage.scrub();
    this.#checkSize();
    return revisions;
  }

  /** Cuts each log to what members that lag may need. Part of a turn. */
  compactLogs(): void {
    const keep = this.#deps.options.catchUpEntries ?? 5000;
    for (const { log, cursor } of this.#deps.members) {
      if (cursor.index - log.firstIndex() >= keep + Math.min(compactStep, keep)) log.compact(cursor.index - keep);
    }
  }

  /** Holds history to its bounds from time to time, until the signal aborts. */
  async prune(signal: AbortSignal): Promise<void> {
    for await (const now of this.#deps.options.clock.every(pruneEveryMs, signal)) await this.#prune(now, signal);
  }

  async #prune(now: number, signal: AbortSignal): Promise<void> {
    const { options, machines, commit } = this.#deps;
    // Else compacting and defragmenting, etcd's remedy for a database over its quota, would not help.
    const historySize = Math.min(options.historySize ?? defaultHistorySize, this.quota / 2);
    for (const machine of machines) {
      const pinned = () => [...this.#pins].map(({ revision }) => revision);
      const lowest = () => Math.min(this.#lowestRevision(machine), ...pinned());
      const bounds = { ...options, historySize };
      await pruneHistory(options.storage, machine.store, { bounds, lowest, now, commit, signal });
    }
  }

  get quota(): number {
    return this.#deps.options.quotaBytes ?? 2 * 1024 ** 3;
  }

  #checkSize(): void {
    this.#overQuota = this.#deps.options.storage.size().total > this.quota;
  }

  /** The lowest revision a member still reads at. */
  #lowestRevision(machine: StateMachine): number {
    return this.#lowest(machine, machine.store.revision, 'revision');
  }

  #lowest(machine: StateMachine, newest: number, what: 'index' | 'revision'): number {
    let lowest = newest;
    for (const m of this.#deps.members) if (m.machine === machine) lowest = Math.min(lowest, m.cursor[what]);
    return lowest;
  }
}
