import type { ConfState } from './types.ts';

export type ProgressState = 'probe' | 'replicate' | 'snapshot';

/**
 * How far one peer's log is known to match the leader's. Invariant: 0 ≤ match < next.
 * probe: one append at a time until an answer shows where the logs meet; replicate: optimistic, up to a window of
 * unanswered appends; snapshot: nothing until the snapshot has arrived. Upstream: etcd-io/raft tracker/progress.go.
 */
export class Progress {
  match: number;
  next: number;
  state: ProgressState = 'probe';
  /** In `snapshot`: the index being sent. */
  pendingSnapshot = 0;
  /** Heard from since the last quorum check. */
  recentActive: boolean;
  /** In `probe`: an append is unanswered. */
  probeSent = false;
  readonly isLearner: boolean;
  /** Last indexes of unanswered appends, oldest first. */
  inflight: number[] = [];

  constructor(match: number, next: number, isLearner: boolean, recentActive: boolean) {
    this.match = match;
    this.next = next;
    this.isLearner = isLearner;
    this.recentActive = recentActive;
  }

  becomeProbe(): void {
    // After a snapshot the peer has at least that: go on behind it.
    this.next = this.state === 'snapshot' ? Math.max(this.match + 1, this.pendingSnapshot + 1) : this.match + 1;
    this.#reset('probe');
  }

  becomeReplicate(): void {
    this.#reset('replicate');
    this.next = this.match + 1;
  }

  becomeSnapshot(index: number): void {
    this.#reset('snapshot');
    this.pendingSnapshot = index;
  }

  #reset(state: ProgressState): void {
    this.state = state;
    this.probeSent = false;
    this.pendingSnapshot = 0;
    this.inflight = [];
  }

  /** An append answered positively up to `index`; false when that was known. */
  maybeUpdate(index: number): boolean {
    const updated = index > this.match;
    if (updated) {
      this.match = index;
      this.probeSent = false;
    }
    this.next = Math.max(this.next, index + 1);
    return updated;
  }

  /** An append at `rejected` failed; false when the rejection is stale. */
  maybeDecrTo(rejected: number, hint: number): boolean {
    if (this.state === 'replicate') {
      if (rejected <= this.match) return false;
      this.next = this.match + 1;
      return true;
    }
    if (this.next - 1 !== rejected) return false;
    this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1);
    this.probeSent = false;
    return true;
  }

  sent(lastIndex: number, entries: number): void {
    if (this.state === 'replicate') {
      if (entries > 0) {
        this.next = lastIndex + 1;
        this.inflight.push(lastIndex);
      }
    } else if (this.state === 'probe' && entries > 0) this.probeSent = true;
  }

  freeInflightTo(index: number): void {
    let n = 0;
    while (n < this.inflight.length && this.inflight[n]! <= index) n++;
    if (n > 0) this.inflight.splice(0, n);
  }

  freeFirstInflight(): void {
    this.inflight.shift();
  }

  isPaused(maxInflight: number): boolean {
    if (this.state === 'probe') return this.probeSent;
    if (this.state === 'replicate') return this.inflight.length >= maxInflight;
    return true;
  }

  clone(): Progress {
    const copy = new Progress(this.match, this.next, this.isLearner, this.recentActive);
    copy.state = this.state;
    copy.pendingSnapshot = this.pendingSnapshot;
    copy.probeSent = this.probeSent;
    copy.inflight = this.inflight.slice();
    return copy;
  }
}

export type VoteResult = 'pending' | 'lost' | 'won';

/** The configuration and what is known of every member. Members are visited in order of ID: determinism. */
export class Tracker {
  voters: readonly number[] = [];
  learners: readonly number[] = [];
  progress = new Map<number, Progress>();
  votes = new Map<number, boolean>();

  get confState(): ConfState {
    return { voters: this.voters, learners: this.learners };
  }

  /** Takes a configuration; members already known keep their progress. */
  configure(conf: ConfState, lastIndex: number): void {
    this.voters = [...conf.voters].sort((a, b) => a - b);
    this.learners = [...conf.learners].sort((a, b) => a - b);
    const next = new Map<number, Progress>();
    for (const id of [...this.voters, ...this.learners].sort((a, b) => a - b)) {
      const known = this.progress.get(id);
      const isLearner = this.learners.includes(id);
      if (known && known.isLearner === isLearner) next.set(id, known);
      else if (known) {
        const promoted = new Progress(known.match, known.next, isLearner, known.recentActive);
        if (known.state === 'replicate') promoted.becomeReplicate();
        next.set(id, promoted);
      } else next.set(id, new Progress(0, Math.max(lastIndex, 1), isLearner, true));
    }
    this.progress = next;
  }

  /** The highest index a majority of voters has. */
  committed(): number {
    if (this.voters.length === 0) return 0;
    const matches = this.voters.map((id) => this.progress.get(id)!.match).sort((a, b) => b - a);
    return matches[this.voters.length >> 1]!;
  }

  tally(): VoteResult {
    let granted = 0;
    let rejected = 0;
    for (const id of this.voters) {
      const vote = this.votes.get(id);
      if (vote === true) granted++;
      else if (vote === false) rejected++;
    }
    const quorum = (this.voters.length >> 1) + 1;
    if (granted >= quorum) return 'won';
    return this.voters.length - rejected >= quorum ? 'pending' : 'lost';
  }

  hasQuorum(ids: Iterable<number>): boolean {
    let n = 0;
    for (const id of ids) if (this.voters.includes(id)) n++;
    return n >= (this.voters.length >> 1) + 1;
  }

  /** True when a majority of voters was heard from. */
  quorumActive(self: number): boolean {
    return this.hasQuorum([...this.progress].filter(([id, p]) => id === self || p.recentActive).map(([id]) => id));
  }
}
