import { assert } from '../base/index.ts';
import { KeyEntry, KeyIndex, type Revision, revisionAt } from './key-index.ts';
import type { LeaseId } from './lease-id.ts';
import { Lessor } from './lessor.ts';
import {
  asBuffer,
  type Backend,
  type BackendDump,
  compacted,
  type Event,
  emptyBytes,
  futureRevision,
  isDamage,
  type KeyRange,
  type KeyValue,
  keyBytes,
  keyString,
  type Row,
  type RowProvenance,
} from './types.ts';
import { ValueCache } from './value-cache.ts';
import { WriteTxn } from './write-txn.ts';

export interface RangeOptions {
  /** 0 = no limit. */
  readonly limit?: number;
  readonly countOnly?: boolean;
  /** Leave values empty. */
  readonly keysOnly?: boolean;
  /** The caller needs no count: stop at the limit. */
  readonly noCount?: boolean;
}

export interface RangeResult {
  readonly kvs: KeyValue[];
  /** Keys in the range, whatever the limit. */
  readonly count: number;
}

/** One change as watchers get it; made once, shared by all of them. */
export class Change {
  readonly name: string;
  readonly event: Event;
  readonly #previous: () => KeyValue | undefined;
  #withPrevious: Event | undefined;

  constructor(name: string, event: Event, previous: () => KeyValue | undefined) {
    this.name = name;
    this.event = event;
    this.#previous = previous;
  }

  /** The event with the key's value before it. */
  get withPrevious(): Event {
    this.#withPrevious ??= { ...this.event, prevKv: this.#previous() };
    return this.#withPrevious;
  }
}

/** What one transaction changed. */
export interface RevisionChanges {
  readonly revision: number;
  readonly changes: readonly Change[];
}

export interface StoreOptions {
  /** Bytes of values kept in memory. Default 64 MiB. */
  readonly valueCacheBytes?: number;
  /** Seconds; shorter leases are made that long. Default 2. */
  readonly minLeaseTtl?: number;
  /** Revisions whose changes stay at hand for watchers that lag a little. Default 2048. */
  readonly recentRevisions?: number;
}

/** Bytes of values in the changes kept at hand. */
const maxRecentBytes = 16 * 1024 * 1024;

/**
 * The MVCC store: an index of keys over a backend. A driver applies transactions (`write`) inside the backend's own
 * transaction, then calls `publish` once that has committed, or `rollback`. All of it happens in one synchronous turn,
 * so nobody reads what is not durable. Upstream: etcd server/storage/mvcc/kvstore.go.
 */
export class Store {
  readonly backend: Backend;
  readonly index: KeyIndex = new KeyIndex();
  readonly lessor: Lessor;
  readonly #values: ValueCache;
  readonly #recentMax: number;
  #revision = 1;
  #compactRevision = 0;
  /** Revisions from here on can be read from the index alone. */
  #floor = 1;
  #appliedIndex = 0;
  #appliedTerm = 0;
  /** Undoes this turn's changes, newest first. */
  #journal: (() => void)[] = [];
  #unpublished: RevisionChanges[] = [];
  #recent: RevisionChanges[] = [];
  #recentBytes = 0;
  #compactCursor: string | undefined;

  constructor(backend: Backend, options: StoreOptions = {}) {
    this.backend = backend;
    this.lessor = new Lessor(options.minLeaseTtl ?? 2);
    this.#values = new ValueCache(options.valueCacheBytes ?? 64 * 1024 * 1024);
    this.#recentMax = options.recentRevisions ?? 2048;
    this.#load();
  }

  #load(): void {
    const state = this.backend.load();
    this.#revision = state.revision;
    this.#floor = state.revision;
    this.#compactRevision = state.compactRevision;
    this.#appliedIndex = state.appliedIndex;
    this.#appliedTerm = state.appliedTerm;
    this.#recent = [];
    this.#recentBytes = 0;
    this.#unpublished = [];
    this.#journal = [];
    this.#compactCursor = undefined;
    this.index.clear();
    this.lessor.load(state.leases);
    const { lessor } = this;
    this.index.load(
      (function* () {
        for (const { name, main, sub, createRevision, version, lease } of state.latest) {
          if (lease !== 0) lessor.attach(lease, name);
          const revision = { main, sub, createRevision, version, lease, tombstone: false, value: undefined };
          yield new KeyEntry(name, [revision]);
        }
      })(),
    );
  }

  /** Newest revision, this turn's included. 1 = empty. */
  get revision(): number {
    return this.#revision;
  }

  /** Reads below it fail. 0 = never compacted. */
  get compactRevision(): number {
    return this.#compactRevision;
  }

  /** Raft index of the last entry applied. */
  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  get appliedTerm(): number {
    return this.#appliedTerm;
  }

  setApplied(index: number, term: number): void {
    const before = [this.#appliedIndex, this.#appliedTerm] as const;
    this.#journal.push(() => {
      [this.#appliedIndex, this.#appliedTerm] = before;
    });
    this.#appliedIndex = index;
    this.#appliedTerm = term;
    this.backend.setApplied(index, term);
  }

  /** The state of a range as of `revision`, which the caller has checked against compaction and the present. */
  range(range: KeyRange, revision: number, options: RangeOptions = {}): RangeResult {
    const limit = options.limit || Number.MAX_SAFE_INTEGER;
    if (revision < this.#floor) return this.#rangeFromBackend(range, revision, limit, options);
    const kvs: KeyValue[] = [];
    const current = revision >= this.#revision;
    if (current && options.countOnly) return { kvs, count: this.index.countLive(range) };
    let count = 0;
    for (const entry of this.index.entries(range)) {
      const r = current ? liveRevision(entry.revisions) : revisionAt(entry, revision);
      if (!r) continue;
      count++;
      if (options.countOnly) continue;
      if (kvs.length < limit) kvs.push(this.#keyValue(entry.key, r, options.keysOnly));
      else if (options.noCount) break;
      else if (current) return { kvs, count: this.index.countLive(range) };
    }
    return { kvs, count };
  }

  #rangeFromBackend(range: KeyRange, revision: number, limit: number, options: RangeOptions): RangeResult {
    const start = keyBytes(range.start);
    const end = range.end === undefined ? undefined : keyBytes(range.end);
    if (options.countOnly) return { kvs: [], count: this.backend.countAt(start, end, revision) };
    const rows = this.backend.rangeAt(start, end, revision, limit);
    const kvs = rows.map((row) => rowKeyValue(options.keysOnly ? { ...row, value: emptyBytes } : row));
    const counted = options.noCount || rows.length < limit;
    return { kvs, count: counted ? rows.length : this.backend.countAt(start, end, revision) };
  }

  #keyValue(key: Uint8Array, r: Revision, keysOnly = false): KeyValue {
    return {
      key,
      value: keysOnly ? emptyBytes : this.valueOf(r),
      createRevision: r.createRevision,
      modRevision: r.main,
      version: r.version,
      lease: r.lease,
    };
  }

  /** A revision's value, from memory or the backend. */
  valueOf(r: Revision): Uint8Array {
    if (r.value === undefined) {
      const value = this.backend.value(r.main, r.sub);
      assert(value !== undefined, `the value of revision ${r.main}/${r.sub} is gone`);
      r.value = value;
      this.#values.add(r);
    }
    return r.value;
  }

  /** The newest revision of a key, undefined when it does not exist. */
  current(name: string): Revision | undefined {
    const entry = this.index.get(name);
    return entry && liveRevision(entry.revisions);
  }

  currentKeyValue(name: string): KeyValue | undefined {
    const entry = this.index.get(name);
    const r = entry && liveRevision(entry.revisions);
    return r && this.#keyValue(entry.key, r);
  }

  /** Starts a transaction; changes take effect at once, its revision at `end`. `time` in cluster-clock ms. */
  write(time: number, provenance: RowProvenance | undefined): WriteTxn {
    return new WriteTxn(this, time, provenance);
  }

  /** For WriteTxn: one change. */
  record(name: string, row: Row): Change {
    const before = this.current(name);
    const value = asBuffer(row.value);
    const revision: Revision = {
      main: row.main,
      sub: row.sub,
      createRevision: row.createRevision,
      version: row.version,
      lease: row.lease,
      tombstone: row.tombstone,
      value,
    };
    const entry = this.index.add(name, row.key, revision);
    this.#move(name, before?.lease ?? 0, row.lease);
    this.#journal.push(() => {
      this.index.undo(entry);
      this.#move(name, row.lease, before?.lease ?? 0);
    });
    if (!row.tombstone) this.#values.add(revision);
    this.backend.append(row);
    const kv: KeyValue = { ...rowKeyValue(row), key: entry.key, value };
    return new Change(name, { type: row.tombstone ? 'delete' : 'put', kv }, () =>
      before ? this.#previousKeyValue(entry.key, before) : undefined,
    );
  }

  /**
   * A superseded revision's key value; undefined when history has let go of it meanwhile, or when it cannot be read: etcd
   * too sends the event without it then.
   */
  #previousKeyValue(key: Uint8Array, r: Revision): KeyValue | undefined {
    try {
      if (r.value === undefined && this.backend.value(r.main, r.sub) === undefined) return undefined;
      return this.#keyValue(key, r);
    } catch (error) {
      if (isDamage(error)) return undefined;
      throw error;
    }
  }

  /** For WriteTxn: ends a transaction that changed something. */
  commitRevision(revision: number, changes: readonly Change[]): void {
    const before = this.#revision;
    this.#journal.push(() => {
      this.#revision = before;
    });
    this.#revision = revision;
    this.#unpublished.push({ revision, changes });
  }

  #move(name: string, from: LeaseId, to: LeaseId): void {
    if (from === to) return;
    if (from !== 0) this.lessor.detach(from, name);
    if (to !== 0) this.lessor.attach(to, name);
  }

  /** Grants a lease. Throws MvccError LeaseExists, LeaseTTLTooLarge. */
  grantLease(id: LeaseId, ttl: number, index: number): number {
    const lease = this.lessor.grant(id, ttl, index);
    this.#journal.push(() => this.lessor.undoGrant(lease));
    this.backend.putLease({ id, ttl: lease.ttl });
    return lease.ttl;
  }

  /** Revokes a lease and deletes its keys, all in one revision. Throws MvccError LeaseNotFound. */
  revokeLease(id: LeaseId, index: number, time: number, provenance: RowProvenance | undefined): void {
    const keys = [...this.lessor.require(id).keys].sort();
    const txn = this.write(time, provenance);
    for (const name of keys) txn.deleteKey(name);
    txn.end();
    const lease = this.lessor.revoke(id, index);
    this.#journal.push(() => this.lessor.undoRevoke(lease));
    this.backend.deleteLease(id);
  }

  /** From now on reads below `revision` fail. Throws MvccError Compacted, FutureRevision. */
  compact(revision: number): void {
    if (revision <= this.#compactRevision) throw compacted();
    if (revision > this.#revision) throw futureRevision();
    const before = this.#compactRevision;
    this.#journal.push(() => {
      this.#compactRevision = before;
    });
    this.#compactRevision = revision;
    this.backend.setCompactRevision(revision);
    this.#compactCursor = '';
  }

  /**
   * Does a slice of the work a compaction left: takes superseded revisions out of the index. `lowest` is the lowest
   * revision some member still reads at. Returns whether more remains.
   */
  compactSlice(lowest: number): boolean {
    if (this.#compactCursor === undefined) return false;
    const revision = Math.min(this.#compactRevision, lowest);
    if (this.#floor < revision) this.#floor = revision;
    this.#compactCursor = this.index.compactSlice(revision, this.#compactCursor);
    return this.#compactCursor !== undefined;
  }

  /** The backend's transaction has committed: returns what changed since the last time, oldest first. */
  publish(): readonly RevisionChanges[] {
    this.#journal = [];
    const published = this.#unpublished;
    if (published.length === 0) return published;
    this.#unpublished = [];
    for (const changes of published) {
      this.#recent.push(changes);
      this.#recentBytes += valueBytes(changes);
    }
    if (this.#recent.length > this.#recentMax * 2 || this.#recentBytes > maxRecentBytes) this.#forgetRecent();
    return published;
  }

  /** Halves what is kept at hand, so that the cost of moving the rest is shared by many revisions. */
  #forgetRecent(): void {
    let drop = Math.max(0, this.#recent.length - this.#recentMax);
    let bytes = this.#recentBytes;
    for (let i = 0; i < this.#recent.length && (i < drop || bytes > maxRecentBytes / 2); i++) {
      bytes -= valueBytes(this.#recent[i]!);
      drop = Math.max(drop, i + 1);
    }
    this.#recent = this.#recent.slice(drop);
    this.#recentBytes = bytes;
  }

  /** The backend's transaction was rolled back: so is everything since the last `publish`. */
  rollback(): void {
    for (let i = this.#journal.length - 1; i >= 0; i--) this.#journal[i]!();
    this.#journal = [];
    this.#unpublished = [];
  }

  /** Replaces everything by another member's state. */
  import(dump: BackendDump): void {
    this.backend.import(dump);
    this.#load();
  }

  /**
   * Changes in (from, to], oldest first: from memory when they are recent, else from the backend (then only of
   * `range`). At most about `limit` changes; `complete` is the revision up to which the answer is complete.
   */
  changesBetween(from: number, to: number, range: KeyRange, limit: number) {
    const first = this.#recent[0]?.revision;
    if (first !== undefined && first <= from + 1) {
      const out: RevisionChanges[] = [];
      let n = 0;
      let complete = to;
      for (let i = this.#firstRecent(from + 1); i < this.#recent.length; i++) {
        const changes = this.#recent[i]!;
        if (changes.revision > to) break;
        if (n >= limit) {
          complete = changes.revision - 1;
          break;
        }
        out.push(changes);
        n += changes.changes.length;
      }
      return { changes: out, complete };
    }
    return this.#changesFromBackend(from, to, range, limit);
  }

  #firstRecent(revision: number): number {
    let lo = 0;
    let hi = this.#recent.length;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (this.#recent[mid]!.revision < revision) lo = mid + 1;
      else hi = mid;
    }
    return lo;
  }

  #changesFromBackend(from: number, to: number, range: KeyRange, limit: number) {
    const start = keyBytes(range.start);
    const end = range.end === undefined ? undefined : keyBytes(range.end);
    const rows = this.backend.changes({ from, to, start, end, limit });
    const out: { revision: number; changes: Change[] }[] = [];
    for (const row of rows) {
      let last = out.at(-1);
      if (last?.revision !== row.main) {
        last = { revision: row.main, changes: [] };
        out.push(last);
      }
      last.changes.push(
        new Change(keyString(row.key), { type: row.tombstone ? 'delete' : 'put', kv: rowKeyValue(row) }, () => {
          const previous = this.backend.previous(row.key, row.main);
          return previous && !previous.tombstone ? rowKeyValue(previous) : undefined;
        }),
      );
    }
    return { changes: out as readonly RevisionChanges[], complete: rows.length < limit ? to : rows.at(-1)!.main };
  }
}

function valueBytes({ changes }: RevisionChanges): number {
  let bytes = 0;
  for (const { event } of changes) bytes += event.kv.value.length;
  return bytes;
}

function liveRevision(revisions: readonly Revision[]): Revision | undefined {
  const last = revisions[revisions.length - 1]!;
  return last.tombstone ? undefined : last;
}

export function rowKeyValue(row: Row): KeyValue {
  return row.tombstone
    ? { key: row.key, value: emptyBytes, createRevision: 0, modRevision: row.main, version: 0, lease: 0 }
    : {
        key: row.key,
        value: row.value,
        createRevision: row.createRevision,
        modRevision: row.main,
        version: row.version,
        lease: row.lease,
      };
}
