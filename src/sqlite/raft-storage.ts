import type Sqlite from 'better-sqlite3';
import { assert } from '../base/index.ts';
import type { ConfState, Entry, HardState, LogStore, Snapshot } from '../raft/index.ts';
import type { Database } from './database.ts';
import type { EntryTable } from './entry-table.ts';

/** A stretch of the log with one term: logs have few of them. */
interface TermRun {
  readonly from: number;
  readonly term: number;
}

function outside(code: 'Compacted' | 'Unavailable', message: string): Error {
  return Object.assign(new Error(message), { code });
}

/**
 * One member's log and state in tables raft_term, progress, raft_snapshot; the entries themselves are shared
 * (EntryTable). Where terms begin is kept in memory too, so that matching logs reads no rows.
 */
export class SqliteLogStore implements LogStore {
  readonly member: number;
  readonly #database: Database;
  readonly #entries: EntryTable;
  readonly #sql: ReturnType<typeof prepareAll>;
  readonly #initial: ConfState;
  #hardState: HardState = { term: 0, vote: 0, commit: 0 };
  #applied = 0;
  #stateChanged = false;
  #confState: ConfState = { voters: [], learners: [] };
  #offset = 0;
  #offsetTerm = 0;
  #last = 0;
  #runs: TermRun[] = [];
  #snapshotSource: () => unknown = () => undefined;

  /** `initial` is written when the member is new. */
  constructor(database: Database, entries: EntryTable, member: number, initial: ConfState) {
    this.member = member;
    this.#database = database;
    this.#entries = entries;
    this.#sql = prepareAll(database.db);
    this.#initial = initial;
    this.reload();
  }

  reload(): void {
    // New, or what made it was rolled back.
    if (!this.#sql.snapshot.get(this.member)) {
      this.#database.write();
      this.#sql.setSnapshot.run(this.member, 0, 0, JSON.stringify(this.#initial));
      this.#sql.setState.run(this.member, 0, 0, 0, 0, 0);
    }
    const state = this.#sql.state.get(this.member) as HardState & { applied: number; last: number };
    this.#hardState = { term: state.term, vote: state.vote, commit: state.commit };
    this.#applied = state.applied;
    this.#stateChanged = false;
    const snapshot = this.#sql.snapshot.get(this.member) as { idx: number; term: number; conf_state: string };
    this.#offset = snapshot.idx;
    this.#offsetTerm = snapshot.term;
    this.#confState = JSON.parse(snapshot.conf_state) as ConfState;
    this.#runs = this.#sql.terms.all(this.member) as TermRun[];
    this.#last = state.last;
  }

  initialState() {
    return { hardState: this.#hardState, confState: this.#confState, applied: this.#applied };
  }

  firstIndex(): number {
    return this.#offset + 1;
  }

  lastIndex(): number {
    return this.#last;
  }

  term(index: number): number {
    if (index === this.#offset) return this.#offsetTerm;
    if (index < this.#offset) throw outside('Compacted', `entry ${index} is compacted`);
    if (index > this.#last) throw outside('Unavailable', `entry ${index} is not there yet`);
    for (let i = this.#runs.length - 1; i >= 0; i--) if (this.#runs[i]!.from <= index) return this.#runs[i]!.term;
    throw new Error(`no term for entry ${index}`);
  }

  entries(lo: number, hi: number, maxBytes: number): readonly Entry[] {
    if (lo <= this.#offset) throw outside('Compacted', `entry ${lo} is compacted`);
    if (hi > this.#last + 1) throw outside('Unavailable', `entry ${hi - 1} is not there yet`);
    const out: Entry[] = [];
    let bytes = 0;
    for (let index = lo; index < hi; index++) {
      const entry = this.#entries.get(this.term(index), index);
      bytes += entry.size;
      if (out.length > 0 && bytes > maxBytes) break;
      out.push(entry);
    }
    return out;
  }

  snapshot(): Snapshot {
    const index = this.#applied;
    return { index, term: this.term(index), confState: this.#confState, data: this.#snapshotSource() };
  }

  setSnapshotSource(source: () => unknown): void {
    this.#snapshotSource = source;
  }

  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (!first) return;
    assert(first.index > this.#offset && first.index <= this.#last + 1, `append leaves a gap before ${first.index}`);
    this.#database.write();
    if (first.index <= this.#last) {
      this.#sql.truncate.run(this.member, first.index);
      while (this.#runs.length > 0 && this.#runs.at(-1)!.from >= first.index) this.#runs.pop();
    }
    for (const entry of entries) {
      if (this.#runs.at(-1)?.term !== entry.term) {
        this.#runs.push({ from: entry.index, term: entry.term });
        this.#sql.beginTerm.run(this.member, entry.index, entry.term);
      }
      this.#entries.put(entry);
    }
    this.#last = entries.at(-1)!.index;
    this.#stateChanged = true;
  }

  setHardState(state: HardState): void {
    this.#database.write();
    this.#hardState = state;
    this.#stateChanged = true;
  }

  setApplied(index: number): void {
    this.#database.write();
    this.#applied = index;
    this.#stateChanged = true;
  }

  /** Writes what is kept back until the end of a transaction. */
  flush(): void {
    if (!this.#stateChanged) return;
    const { term, vote, commit } = this.#hardState;
    this.#sql.setState.run(this.member, term, vote, commit, this.#applied, this.#last);
    this.#stateChanged = false;
  }

  setConfState(state: ConfState): void {
    this.#database.write();
    this.#confState = state;
    this.#writeSnapshot();
  }

  applySnapshot(snapshot: Snapshot): void {
    this.#database.write();
    this.#sql.truncate.run(this.member, 0);
    this.#runs = [];
    this.#offset = snapshot.index;
    this.#offsetTerm = snapshot.term;
    this.#last = snapshot.index;
    this.#confState = snapshot.confState;
    this.#writeSnapshot();
    this.setApplied(snapshot.index);
  }

  compact(index: number): void {
    assert(index <= this.#applied, `compaction of ${index} beyond applied ${this.#applied}`);
    if (index <= this.#offset) return;
    this.#database.write();
    this.#offsetTerm = this.term(index);
    this.#offset = index;
    while (this.#runs.length > 1 && this.#runs[1]!.from <= index + 1) this.#runs.shift();
    this.#sql.compact.run(this.member, this.#runs[0]?.from ?? 0);
    this.#writeSnapshot();
  }

  #writeSnapshot(): void {
    this.#sql.setSnapshot.run(this.member, this.#offset, this.#offsetTerm, JSON.stringify(this.#confState));
  }
}

function prepareAll(db: Sqlite.Database) {
  return {
    state: db.prepare('SELECT term, vote, "commit", applied, last FROM progress WHERE member = ?'),
    setState: db.prepare(
      `INSERT INTO progress (member, term, vote, "commit", applied, last) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (member) DO UPDATE SET term = excluded.term, vote = excluded.vote, "commit" = excluded."commit",
       applied = excluded.applied, last = excluded.last`,
    ),
    snapshot: db.prepare('SELECT idx, term, conf_state FROM raft_snapshot WHERE member = ?'),
    setSnapshot: db.prepare(
      `INSERT INTO raft_snapshot (member, idx, term, conf_state) VALUES (?, ?, ?, ?)
       ON CONFLICT (member) DO UPDATE SET idx = excluded.idx, term = excluded.term, conf_state = excluded.conf_state`,
    ),
    terms: db.prepare('SELECT idx AS "from", term FROM raft_term WHERE member = ? ORDER BY idx'),
    beginTerm: db.prepare('INSERT INTO raft_term (member, idx, term) VALUES (?, ?, ?)'),
    truncate: db.prepare('DELETE FROM raft_term WHERE member = ? AND idx >= ?'),
    compact: db.prepare('DELETE FROM raft_term WHERE member = ? AND idx < ?'),
  };
}
