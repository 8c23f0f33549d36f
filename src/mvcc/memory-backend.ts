import type { LeaseId } from './lease-id.ts';
import {
  type Backend,
  type BackendDump,
  type BackendState,
  type ChangesQuery,
  type HistoryQuery,
  keyString,
  type LatestRow,
  type LeaseRow,
  type PrunePolicy,
  type Row,
  rowId,
} from './types.ts';

/** Every revision in memory: for `--store memory`, simulations and tests. Nothing survives the process. */
export class MemoryBackend implements Backend {
  /** In order of revision. */
  #log: Row[] = [];
  /** A key's rows in order of revision. */
  #byKey = new Map<string, Row[]>();
  #leases = new Map<LeaseId, LeaseRow>();
  #compactRevision = 0;
  #appliedIndex = 0;
  #appliedTerm = 0;
  /** Newest revision ever written: rows may be pruned. */
  #revision = 1;
  #bytes = 0;
  readonly #floors = new Map<string, number>();

  load(): BackendState {
    const latest: LatestRow[] = [];
    for (const name of [...this.#byKey.keys()].sort()) {
      const row = this.#byKey.get(name)!.at(-1)!;
      if (!row.tombstone) latest.push({ ...row, name: keyString(row.key) });
    }
    return {
      revision: this.#revision,
      compactRevision: this.#compactRevision,
      appliedIndex: this.#appliedIndex,
      appliedTerm: this.#appliedTerm,
      latest,
      leases: [...this.#leases.values()],
    };
  }

  /** Bytes of keys and values held. */
  get bytes(): number {
    return this.#bytes;
  }

  append(row: Row): void {
    this.#bytes += row.key.length + row.value.length;
    this.#log.push(row);
    this.#revision = row.main;
    const name = keyString(row.key);
    const rows = this.#byKey.get(name);
    if (rows) rows.push(row);
    else this.#byKey.set(name, [row]);
  }

  setCompactRevision(revision: number): void {
    this.#compactRevision = revision;
  }

  setApplied(index: number, term: number): void {
    this.#appliedIndex = index;
    this.#appliedTerm = term;
  }

  putLease(lease: LeaseRow): void {
    this.#leases.set(lease.id, lease);
  }

  deleteLease(id: LeaseId): void {
    this.#leases.delete(id);
  }

  value(main: number, sub: number): Uint8Array | undefined {
    const row = this.#log[this.#firstAtLeast(rowId(main, sub))];
    return row?.main === main && row.sub === sub ? row.value : undefined;
  }

  rangeAt(start: Uint8Array, end: Uint8Array | undefined, revision: number, limit: number): readonly Row[] {
    const out: Row[] = [];
    for (const rows of this.#keysIn(start, end)) {
      if (out.length >= limit) break;
      const row = newestUpTo(rows, revision);
      if (row && !row.tombstone) out.push(row);
    }
    return out;
  }

  countAt(start: Uint8Array, end: Uint8Array | undefined, revision: number): number {
    let count = 0;
    for (const rows of this.#keysIn(start, end)) {
      const row = newestUpTo(rows, revision);
      if (row && !row.tombstone) count++;
    }
    return count;
  }

  history(key: Uint8Array, query: HistoryQuery): readonly Row[] {
    const rows = this.#byKey.get(keyString(key)) ?? [];
    const below = query.before === undefined ? rows : rows.filter((r) => r.main < query.before!);
    return below.slice(query.limit === undefined ? 0 : Math.max(0, below.length - query.limit)).reverse();
  }

  changes(query: ChangesQuery): readonly Row[] {
    const { from, to, limit = Number.MAX_SAFE_INTEGER } = query;
    const start = query.start && keyString(query.start);
    const end = query.end && keyString(query.end);
    const out: Row[] = [];
    for (let i = this.#firstAtLeast(rowId(from + 1, 0)); i < this.#log.length; i++) {
      const row = this.#log[i]!;
      if (row.main > to || (out.length >= limit && row.main !== out.at(-1)!.main)) break;
      const name = keyString(row.key);
      if ((start === undefined || name >= start) && (end === undefined || name < end)) out.push(row);
    }
    return out;
  }

  previous(key: Uint8Array, main: number): Row | undefined {
    return newestUpTo(this.#byKey.get(keyString(key)) ?? [], main - 1);
  }

  prune(policy: PrunePolicy, limit: number): boolean {
    const prefixes = policy.prefixes?.map(keyString);
    const gone = new Set<Row>();
    const floor = this.#floors.get(policy.name) ?? 0;
    let i = this.#firstAtLeast(floor);
    let done = 0;
    let last = floor;
    for (; i < this.#log.length && done < limit; i++, done++) {
      const row = this.#log[i]!;
      if (row.main > policy.upTo || row.time >= policy.olderThan) break;
      last = rowId(row.main, row.sub) + 1;
      const name = keyString(row.key);
      if (prefixes && !prefixes.some((p) => name.startsWith(p))) continue;
      const rows = this.#byKey.get(name)!;
      const at = rows.indexOf(row);
      for (const old of rows.splice(0, row.tombstone ? at + 1 : at)) {
        gone.add(old);
        this.#bytes -= old.key.length + old.value.length;
      }
      if (rows.length === 0) this.#byKey.delete(name);
    }
    this.#floors.set(policy.name, last);
    if (gone.size > 0) this.#log = this.#log.filter((row) => !gone.has(row));
    return done === limit;
  }

  purge(key: Uint8Array): number {
    const name = keyString(key);
    const rows = this.#byKey.get(name) ?? [];
    const last = rows.at(-1);
    const gone = new Set(last && !last.tombstone ? rows.splice(0, rows.length - 1) : rows.splice(0));
    if (rows.length === 0) this.#byKey.delete(name);
    for (const old of gone) this.#bytes -= old.key.length + old.value.length;
    if (gone.size > 0) this.#log = this.#log.filter((row) => !gone.has(row));
    return gone.size;
  }

  export(): BackendDump {
    return {
      revision: this.#revision,
      compactRevision: this.#compactRevision,
      appliedIndex: this.#appliedIndex,
      appliedTerm: this.#appliedTerm,
      rows: this.#log.slice(),
      leases: [...this.#leases.values()],
    };
  }

  import(dump: BackendDump): void {
    this.#log = [];
    this.#bytes = 0;
    this.#byKey = new Map();
    for (const row of dump.rows) this.append(row);
    this.#revision = dump.revision;
    this.#compactRevision = dump.compactRevision;
    this.#appliedIndex = dump.appliedIndex;
    this.#appliedTerm = dump.appliedTerm;
    this.#leases = new Map(dump.leases.map((lease) => [lease.id, lease]));
    this.#floors.clear();
  }

  /** Position in the log of the first row with an id ≥ `id`. */
  #firstAtLeast(id: number): number {
    let lo = 0;
    let hi = this.#log.length;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      const row = this.#log[mid]!;
      if (rowId(row.main, row.sub) < id) lo = mid + 1;
      else hi = mid;
    }
    return lo;
  }

  /** Rows of the keys in [start, end), in order of key. Sorts: reads of the past in memory are for tests and labs. */
  #keysIn(start: Uint8Array, end: Uint8Array | undefined): Row[][] {
    const from = keyString(start);
    const to = end && keyString(end);
    const names = [...this.#byKey.keys()].filter((n) => n >= from && (to === undefined || n < to)).sort();
    return names.map((n) => this.#byKey.get(n)!);
  }
}

function newestUpTo(rows: readonly Row[], revision: number): Row | undefined {
  for (let i = rows.length - 1; i >= 0; i--) if (rows[i]!.main <= revision) return rows[i];
  return undefined;
}
