import { assert } from '../base/index.ts';
import {
  type ConfState,
  type Entry,
  type HardState,
  type LogStore,
  limitSize,
  RaftError,
  type Snapshot,
} from './types.ts';

/** A log kept in memory: for `--store memory`, simulations and tests. */
export class MemoryStorage implements LogStore {
  /** Index and term of the entry before entries[0]: the last one compacted away. */
  #offset = 0;
  #offsetTerm = 0;
  #entries: Entry[] = [];
  #hardState: HardState = { term: 0, vote: 0, commit: 0 };
  #applied = 0;
  #confState: ConfState;
  #snapshotSource: () => unknown = () => undefined;

  constructor(confState: ConfState) {
    this.#confState = confState;
  }

  initialState() {
    return { hardState: this.#hardState, confState: this.#confState, applied: this.#applied };
  }

  firstIndex(): number {
    return this.#offset + 1;
  }

  lastIndex(): number {
    return this.#offset + this.#entries.length;
  }

  term(index: number): number {
    if (index === this.#offset) return this.#offsetTerm;
    if (index < this.#offset) throw new RaftError('Compacted', `entry ${index} is compacted`);
    const entry = this.#entries[index - this.#offset - 1];
    if (!entry) throw new RaftError('Unavailable', `entry ${index} is not there yet`);
    return entry.term;
  }

  entries(lo: number, hi: number, maxBytes: number): readonly Entry[] {
    if (lo <= this.#offset) throw new RaftError('Compacted', `entry ${lo} is compacted`);
    if (hi > this.lastIndex() + 1) throw new RaftError('Unavailable', `entry ${hi - 1} is not there yet`);
    return limitSize(this.#entries.slice(lo - this.#offset - 1, hi - this.#offset - 1), maxBytes);
  }

  snapshot(): Snapshot {
    const index = this.#applied;
    return { index, term: this.term(index), confState: this.#confState, data: this.#snapshotSource() };
  }

  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (!first) return;
    const at = first.index - this.#offset - 1;
    assert(at >= 0 && at <= this.#entries.length, `append leaves a gap before ${first.index}`);
    this.#entries.length = at;
    for (const entry of entries) this.#entries.push(entry);
  }

  setHardState(state: HardState): void {
    this.#hardState = state;
  }

  setApplied(index: number): void {
    this.#applied = index;
  }

  setConfState(state: ConfState): void {
    this.#confState = state;
  }

  applySnapshot(snapshot: Snapshot): void {
    this.#offset = snapshot.index;
    this.#offsetTerm = snapshot.term;
    this.#entries = [];
    this.#confState = snapshot.confState;
    this.#applied = snapshot.index;
  }

  compact(index: number): void {
    assert(index <= this.#applied, `compaction of ${index} beyond applied ${this.#applied}`);
    if (index <= this.#offset) return;
    this.#offsetTerm = this.term(index);
    this.#entries = this.#entries.slice(index - this.#offset);
    this.#offset = index;
  }

  setSnapshotSource(source: () => unknown): void {
    this.#snapshotSource = source;
  }

  /** Memory loses nothing: every write succeeds. */
  reload(): void {}
}
