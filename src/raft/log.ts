import { assert } from '../base/index.ts';
import { type Entry, limitSize, noLimit, RaftError, type Snapshot, type Storage } from './types.ts';

export interface LogCheckpoint {
  readonly committed: number;
  readonly applied: number;
  readonly offset: number;
  readonly unstable: Entry[];
  readonly length: number;
  readonly snapshot: Snapshot | undefined;
}

/**
 * The log as Raft sees it: what storage holds, then `unstable`, the entries (and perhaps a snapshot) that the driver
 * has yet to make durable. Invariant: applied ≤ committed ≤ lastIndex. Upstream: etcd-io/raft log.go, log_unstable.go.
 */
export class RaftLog {
  readonly #storage: Storage;
  committed: number;
  applied: number;
  /** Index of unstable[0]. */
  #offset: number;
  #unstable: Entry[] = [];
  #snapshot: Snapshot | undefined;

  constructor(storage: Storage, committed: number, applied: number) {
    this.#storage = storage;
    this.#offset = storage.lastIndex() + 1;
    this.committed = Math.max(committed, storage.firstIndex() - 1);
    this.applied = Math.max(applied, storage.firstIndex() - 1);
    assert(this.applied <= this.committed, `applied ${this.applied} beyond committed ${this.committed}`);
  }

  get firstIndex(): number {
    return this.#snapshot ? this.#snapshot.index + 1 : this.#storage.firstIndex();
  }

  get lastIndex(): number {
    if (this.#unstable.length > 0) return this.#offset + this.#unstable.length - 1;
    return this.#snapshot ? this.#snapshot.index : this.#storage.lastIndex();
  }

  get lastTerm(): number {
    return this.term(this.lastIndex);
  }

  /** Entries the driver has not made durable yet. */
  get unstableEntries(): readonly Entry[] {
    return this.#unstable;
  }

  get unstableSnapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  /** Term of the entry at `index`; throws RaftError Compacted or Unavailable. */
  term(index: number): number {
    if (this.#snapshot && index === this.#snapshot.index) return this.#snapshot.term;
    if (index >= this.#offset) {
      const entry = this.#unstable[index - this.#offset];
      if (!entry) throw new RaftError('Unavailable', `entry ${index} is not there yet`);
      return entry.term;
    }
    if (this.#snapshot) throw new RaftError('Compacted', `entry ${index} is compacted`);
    return this.#storage.term(index);
  }

  /** Like `term`, 0 where the log has no such entry. */
  zeroTerm(index: number): number {
    if (index > this.lastIndex || index < this.firstIndex - 1) return 0;
    return this.term(index);
  }

  matchTerm(index: number, term: number): boolean {
    if (index > this.lastIndex || index < this.firstIndex - 1) return false;
    return this.term(index) === term;
  }

  /** True when a log ending at (lastIndex, term) holds at least what this one holds. */
  isUpToDate(lastIndex: number, term: number): boolean {
    return term > this.lastTerm || (term === this.lastTerm && lastIndex >= this.lastIndex);
  }

  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (!first) return;
    assert(first.index > this.committed, `entry ${first.index} would replace committed ${this.committed}`);
    const at = first.index - this.#offset;
    if (at === this.#unstable.length) {
      for (const entry of entries) this.#unstable.push(entry);
    } else if (at <= 0) {
      // A new array on every truncation: checkpoints hold on to the old one.
      this.#offset = first.index;
      this.#unstable = entries.slice();
    } else {
      assert(at < this.#unstable.length, `append leaves a gap before ${first.index}`);
      this.#unstable = [...this.#unstable.slice(0, at), ...entries];
    }
  }

  /**
   * A follower's append: when (index, logTerm) matches, takes what is new of `entries`, commits, and returns the last
   * index known to match; undefined when it does not match.
   */
  maybeAppend(index: number, logTerm: number, committed: number, entries: readonly Entry[]): number | undefined {
    if (!this.matchTerm(index, logTerm)) return undefined;
    const last = index + entries.length;
    const conflict = this.#findConflict(entries);
    if (conflict > 0) {
      assert(conflict > this.committed, `entry ${conflict} conflicts with a committed entry`);
      this.append(entries.slice(conflict - index - 1));
    }
    this.commitTo(Math.min(committed, last));
    return last;
  }

  /** Index of the first entry this log lacks or has with another term; 0 when it has them all. */
  #findConflict(entries: readonly Entry[]): number {
    for (const entry of entries) if (!this.matchTerm(entry.index, entry.term)) return entry.index;
    return 0;
  }

  /** The largest index ≤ `index` whose term is ≤ `term`, and that term: where two logs may match at best. */
  findConflictByTerm(index: number, term: number): { index: number; term: number } {
    for (let i = Math.min(index, this.lastIndex); i > 0; i--) {
      if (i < this.firstIndex - 1) return { index: i, term: 0 };
      const ours = this.term(i);
      if (ours <= term) return { index: i, term: ours };
    }
    return { index: 0, term: 0 };
  }

  commitTo(index: number): void {
    if (index <= this.committed) return;
    assert(index <= this.lastIndex, `commit ${index} beyond the last index ${this.lastIndex}`);
    this.committed = index;
  }

  /** Commits `index` when its entry is of `term`: older terms commit only along with it (Raft §5.4.2). */
  maybeCommit(index: number, term: number): boolean {
    if (index <= this.committed || this.zeroTerm(index) !== term) return false;
    this.commitTo(index);
    return true;
  }

  appliedTo(index: number): void {
    assert(index >= this.applied && index <= this.committed, `applied ${index} not in [applied, committed]`);
    this.applied = index;
  }

  /** The driver has made everything up to (index, term) durable. */
  stableTo(index: number, term: number): void {
    const entry = this.#unstable[index - this.#offset];
    if (entry?.term !== term) return;
    this.#unstable = this.#unstable.slice(index - this.#offset + 1);
    this.#offset = index + 1;
  }

  stableSnapshotTo(index: number): void {
    if (this.#snapshot?.index === index) this.#snapshot = undefined;
  }

  /** Replaces the whole log by a snapshot. */
  restore(snapshot: Snapshot): void {
    this.committed = snapshot.index;
    this.#offset = snapshot.index + 1;
    this.#unstable = [];
    this.#snapshot = snapshot;
  }

  /** Committed entries the driver has not applied yet, at most `maxBytes` of them. */
  nextCommitted(maxBytes: number): readonly Entry[] {
    if (this.#snapshot || this.committed <= this.applied) return [];
    return this.entries(this.applied + 1, this.committed + 1, maxBytes);
  }

  get hasNextCommitted(): boolean {
    return !this.#snapshot && this.committed > this.applied;
  }

  /** Entries in [lo, hi). Throws RaftError Compacted. */
  entries(lo: number, hi: number, maxBytes = noLimit): readonly Entry[] {
    if (lo >= hi) return [];
    if (lo < this.firstIndex) throw new RaftError('Compacted', `entry ${lo} is compacted`);
    assert(hi <= this.lastIndex + 1, `entries [${lo}, ${hi}) beyond ${this.lastIndex}`);
    if (lo >= this.#offset) return limitSize(this.#unstable.slice(lo - this.#offset, hi - this.#offset), maxBytes);
    const middle = Math.min(hi, this.#offset);
    const stored = this.#storage.entries(lo, middle, maxBytes);
    if (hi <= this.#offset || stored.length < middle - lo) return stored;
    return limitSize([...stored, ...this.#unstable.slice(0, hi - this.#offset)], maxBytes);
  }

  snapshot(): Snapshot {
    return this.#snapshot ?? this.#storage.snapshot();
  }

  checkpoint(): LogCheckpoint {
    return {
      committed: this.committed,
      applied: this.applied,
      offset: this.#offset,
      unstable: this.#unstable,
      length: this.#unstable.length,
      snapshot: this.#snapshot,
    };
  }

  /** Back to a checkpoint; storage must have been rolled back to the same moment. */
  rollback(checkpoint: LogCheckpoint): void {
    this.committed = checkpoint.committed;
    this.applied = checkpoint.applied;
    this.#offset = checkpoint.offset;
    this.#unstable = checkpoint.unstable;
    this.#unstable.length = checkpoint.length;
    this.#snapshot = checkpoint.snapshot;
  }
}
