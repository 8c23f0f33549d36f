import type Sqlite from 'better-sqlite3';
import type {
  Backend,
  BackendDump,
  BackendState,
  ChangesQuery,
  HistoryQuery,
  LatestRow,
  LeaseId,
  LeaseRow,
  PrunePolicy,
  Row,
  RowProvenance,
} from '../mvcc/index.ts';
import { Actors } from './actors.ts';
import type { Database } from './database.ts';
import { storageError } from './errors.ts';
import { mainOf, rowId, subOf } from './row-id.ts';
import { kvRow, kvSum, notAsWritten } from './row-sum.ts';

/** An INTEGER of 64 bits as a number, or as text where a number would round it. */
const exact = (column: string) =>
  `CASE WHEN ${column} BETWEEN -9007199254740991 AND 9007199254740991 THEN ${column} ELSE CAST(${column} AS TEXT) END`;
type ExactColumn = number | string;
const leaseOf = (column: ExactColumn): LeaseId => (typeof column === 'number' ? column : BigInt(column));

const written = 'id, key, create_rev, version, lease, tombstone, time, actor, cause, value, crc';
const columns = written.replace('lease', exact('lease'));
type Columns = [
  id: number,
  key: Buffer,
  createRev: number,
  version: number,
  lease: ExactColumn,
  tombstone: number,
  time: number,
  actor: number | null,
  cause: string | null,
  value: Buffer | null,
  /** Of rows that a klab before schema 5 wrote there is none. */
  crc: number | null,
];

/** Throws StorageError Corrupt, naming the row, when it is not what was written. */
function verify(c: Columns, path: string): Columns {
  const [id, key, createRev, version, lease, tombstone, time, actor, cause, value, crc] = c;
  if (crc === null || crc === kvSum({ id, key, createRev, version, lease, tombstone, time, actor, cause, value }))
    return c;
  throw notAsWritten(path, kvRow(id, key));
}

/**
 * Text comes out of the driver at half the price of a blob. A key of as many characters as bytes is ASCII, or has bytes that
 * are no UTF-8: those show as `noUtf8`.
 */
const textOrKey = 'CASE WHEN length(CAST(key AS TEXT)) = length(key) THEN CAST(key AS TEXT) ELSE key END';
const noUtf8 = '\ufffd';
type LatestColumns = [key: Buffer | string, id: number, createRevision: number, version: number, lease: ExactColumn];

/** Rows of table latest read at once when a store starts. */
const latestPage = 4096;

const noBytes = Buffer.alloc(0);

interface StoreState {
  revision: number;
  compact_rev: number;
  applied_idx: number;
  applied_term: number;
}

/** mvcc's backend in tables kv, latest, lease and progress. Every write opens the connection's transaction. */
export class SqliteBackend implements Backend {
  readonly #database: Database;
  readonly #actors: Actors;
  readonly #sql: ReturnType<typeof prepareAll>;
  #state: StoreState;
  #stateChanged = false;

  constructor(database: Database) {
    this.#database = database;
    this.#actors = new Actors(database);
    this.#sql = prepareAll(database.db);
    this.#state = this.#sql.state.get() as StoreState;
  }

  load(): BackendState {
    const { revision, compact_rev, applied_idx, applied_term } = this.#state;
    return {
      revision,
      compactRevision: compact_rev,
      appliedIndex: applied_idx,
      appliedTerm: applied_term,
      latest: this.#latest(),
      leases: (this.#sql.leases.all() as { id: ExactColumn; ttl: number }[]).map(({ id, ttl }) => ({
        id: leaseOf(id),
        ttl,
      })),
    };
  }

  *#latest(): Generator<LatestRow> {
    // Pages: a step of an iterator through the driver costs more than a row of a page.
    // No key is empty: all are greater than that.
    for (let after: Uint8Array = noBytes; ; ) {
      const page = this.#sql.latest.all(after, latestPage) as LatestColumns[];
      for (const [key, id, createRevision, version, lease] of page) {
        const name = this.#name(key, id);
        yield { name, main: mainOf(id), sub: subOf(id), createRevision, version, lease: leaseOf(lease) };
      }
      if (page.length < latestPage) return;
      const [key, id] = page.at(-1)!;
      after = Buffer.from(this.#name(key, id), 'latin1');
    }
  }

  /** As mvcc writes keys: a character a byte. */
  #name(key: Buffer | string, id: number): string {
    if (typeof key !== 'string') return key.toString('latin1');
    return key.includes(noUtf8) ? (this.#sql.keyOf.get(id) as Buffer).toString('latin1') : key;
  }

  append(row: Row): void {
    this.#database.write();
    const id = rowId(row.main, row.sub);
    const actor = row.provenance ? this.#actors.idOf(row.provenance.actor, row.provenance.agent ?? '') : null;
    const cause = row.provenance?.cause ? JSON.stringify(row.provenance.cause) : null;
    const { key, createRevision, version, lease, time } = row;
    const value = row.tombstone ? null : row.value;
    const tombstone = row.tombstone ? 1 : 0;
    const crc = kvSum({ id, key, createRev: createRevision, version, lease, tombstone, time, actor, cause, value });
    this.#sql.append.run(id, key, createRevision, version, lease, tombstone, time, actor, cause, value, crc);
    if (row.tombstone) this.#sql.dropLatest.run(key);
    else if (version === 1) this.#sql.insertLatest.run(key, id, createRevision, version, lease);
    else if (this.#sql.updateLatest.run(id, version, lease, key).changes === 0) {
      // A history that does not begin with the key's: restored, or pruned.
      this.#sql.insertLatest.run(key, id, createRevision, version, lease);
    }
    this.#state.revision = row.main;
    this.#stateChanged = true;
  }

  setCompactRevision(revision: number): void {
    this.#database.write();
    this.#state.compact_rev = revision;
    this.#stateChanged = true;
  }

  setApplied(index: number, term: number): void {
    this.#database.write();
    this.#state.applied_idx = index;
    this.#state.applied_term = term;
    this.#stateChanged = true;
  }

  /** Writes what is kept back until the end of a transaction. */
  flush(): void {
    if (!this.#stateChanged) return;
    const { revision, compact_rev, applied_idx, applied_term } = this.#state;
    this.#sql.setState.run(revision, compact_rev, applied_idx, applied_term);
    this.#stateChanged = false;
  }

  /** After a rollback: forgets what was not committed. */
  reload(): void {
    this.#state = this.#sql.state.get() as StoreState;
    this.#stateChanged = false;
    this.#actors.forget();
  }

  putLease(lease: LeaseRow): void {
    this.#database.write();
    this.#sql.putLease.run(lease.id, lease.ttl);
  }

  deleteLease(id: LeaseId): void {
    this.#database.write();
    this.#sql.deleteLease.run(id);
  }

  /** Damage that SQLite itself comes upon, as a StorageError. */
  #reading<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw storageError(error, this.#database.path);
    }
  }

  value(main: number, sub: number): Uint8Array | undefined {
    const found = this.#reading(() => this.#sql.byId.get(rowId(main, sub))) as Columns | undefined;
    return found && (verify(found, this.#database.path)[9] ?? noBytes);
  }

  rangeAt(start: Uint8Array, end: Uint8Array | undefined, revision: number, limit: number): readonly Row[] {
    return this.#reading(() => {
      const out: Row[] = [];
      for (const row of this.#liveAt(start, end, revision)) {
        out.push(this.#row(row));
        if (out.length >= limit) break;
      }
      return out;
    });
  }

  countAt(start: Uint8Array, end: Uint8Array | undefined, revision: number): number {
    return this.#reading(() => {
      let count = 0;
      for (const _ of this.#liveAt(start, end, revision)) count++;
      return count;
    });
  }

  /** Skips from key to key, however many revisions each has. */
  *#liveAt(start: Uint8Array, end: Uint8Array | undefined, revision: number): Generator<Columns> {
    const below = rowId(revision + 1, 0);
    let key = this.#sql.firstKey.get(start) as Buffer | undefined;
    while (key && (end === undefined || Buffer.compare(key, end) < 0)) {
      const row = this.#sql.newestBelow.get(key, below) as Columns | undefined;
      if (row && row[5] === 0) yield row;
      key = this.#sql.nextKey.get(key) as Buffer | undefined;
    }
  }

  history(key: Uint8Array, query: HistoryQuery): readonly Row[] {
    const below = query.before === undefined ? Number.MAX_SAFE_INTEGER : rowId(query.before, 0);
    const rows = this.#reading(() => this.#sql.history.all(key, below, query.limit ?? -1)) as Columns[];
    return rows.map((row) => this.#row(row));
  }

  changes(query: ChangesQuery): readonly Row[] {
    const { start = noBytes, end } = query;
    const below = rowId(query.to + 1, 0);
    const read = (from: number, to: number, limit: number) =>
      this.#reading(() =>
        end === undefined
          ? this.#sql.changesFrom.all(from, to, start, limit)
          : this.#sql.changesIn.all(from, to, start, end, limit),
      ) as Columns[];
    const rows = read(rowId(query.from + 1, 0), below, query.limit ?? -1);
    if (query.limit !== undefined && rows.length === query.limit) {
      // Complete the last revision.
      const last = rows.at(-1)![0];
      rows.push(...read(last + 1, Math.min(below, rowId(mainOf(last) + 1, 0)), -1));
    }
    return rows.map((row) => this.#row(row));
  }

  previous(key: Uint8Array, main: number): Row | undefined {
    const row = this.#reading(() => this.#sql.newestBelow.get(key, rowId(main, 0))) as Columns | undefined;
    return row && this.#row(row);
  }

  prune(policy: PrunePolicy, limit: number): boolean {
    const floor = (this.#sql.floor.get(policy.name) as number | undefined) ?? 0;
    const rows = this.#sql.pruneScan.all(floor, rowId(policy.upTo + 1, 0), limit) as [number, Buffer, number, number][];
    let last = floor;
    let done = 0;
    for (const [id, key, tombstone, time] of rows) {
      if (time >= policy.olderThan) break;
      done++;
      last = id + 1;
      if (policy.prefixes && !policy.prefixes.some((p) => startsWith(key, p))) continue;
      this.#database.write();
      this.#sql.dropBelow.run(key, tombstone === 1 ? id + 1 : id);
    }
    if (last !== floor) {
      this.#database.write();
      this.#sql.setFloor.run(policy.name, last);
    }
    return done === limit;
  }

  purge(key: Uint8Array): number {
    this.#database.write();
    return this.#sql.purge.run(key, key).changes;
  }

  export(): BackendDump {
    const state = this.load();
    return { ...state, rows: this.changes({ from: 0, to: state.revision }) };
  }

  import(dump: BackendDump): void {
    this.#database.write();
    for (const table of ['kv', 'latest', 'lease', 'prune_floor']) this.#database.db.exec(`DELETE FROM ${table}`);
    for (const row of dump.rows) this.append(row);
    for (const lease of dump.leases) this.putLease(lease);
    const { revision, compactRevision, appliedIndex, appliedTerm } = dump;
    this.#state = { revision, compact_rev: compactRevision, applied_idx: appliedIndex, applied_term: appliedTerm };
    this.#stateChanged = true;
  }

  #row(c: Columns): Row {
    const [id, key, createRevision, version, lease, tombstone, time, actor, cause, value] = verify(
      c,
      this.#database.path,
    );
    let provenance: RowProvenance | undefined;
    if (actor !== null) {
      const { name, agent } = this.#actors.byId(actor);
      provenance = {
        actor: name,
        ...(agent === '' ? {} : { agent }),
        ...(cause === null ? {} : { cause: JSON.parse(cause) as RowProvenance['cause'] }),
      };
    }
    const dead = tombstone === 1;
    const main = mainOf(id);
    const sub = subOf(id);
    return {
      key,
      value: value ?? noBytes,
      main,
      sub,
      createRevision,
      version,
      lease: leaseOf(lease),
      tombstone: dead,
      time,
      provenance,
    };
  }
}

function startsWith(key: Buffer, prefix: Uint8Array): boolean {
  return key.length >= prefix.length && key.compare(prefix, 0, prefix.length, 0, prefix.length) === 0;
}

function prepareAll(db: Sqlite.Database) {
  return {
    state: db.prepare('SELECT revision, compact_rev, applied_idx, applied_term FROM store_state'),
    setState: db.prepare('UPDATE progress SET revision = ?, compact_rev = ?, applied = ?, term = ? WHERE member = 0'),
    latest: db
      .prepare(
        `SELECT ${textOrKey}, id, create_rev, version, ${exact('lease')} FROM latest WHERE key > ? ORDER BY key LIMIT ?`,
      )
      .raw(),
    keyOf: db.prepare('SELECT key FROM kv WHERE id = ?').pluck(),
    leases: db.prepare(`SELECT ${exact('id')} AS id, ttl FROM lease ORDER BY lease.id`),
    putLease: db.prepare('INSERT INTO lease (id, ttl) VALUES (?, ?)'),
    deleteLease: db.prepare('DELETE FROM lease WHERE id = ?'),
    append: db.prepare(`INSERT INTO kv (${written}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`),
    insertLatest: db.prepare('INSERT INTO latest (key, id, create_rev, version, lease) VALUES (?, ?, ?, ?, ?)'),
    updateLatest: db.prepare('UPDATE latest SET id = ?, version = ?, lease = ? WHERE key = ?'),
    dropLatest: db.prepare('DELETE FROM latest WHERE key = ?'),
    byId: db.prepare(`SELECT ${columns} FROM kv WHERE id = ?`).raw(),
    firstKey: db.prepare('SELECT key FROM kv WHERE key >= ? ORDER BY key LIMIT 1').pluck(),
    nextKey: db.prepare('SELECT key FROM kv WHERE key > ? ORDER BY key LIMIT 1').pluck(),
    newestBelow: db.prepare(`SELECT ${columns} FROM kv WHERE key = ? AND id < ? ORDER BY id DESC LIMIT 1`).raw(),
    history: db.prepare(`SELECT ${columns} FROM kv WHERE key = ? AND id < ? ORDER BY id DESC LIMIT ?`).raw(),
    // The unary plus keeps the planner on the rowid: a prefix may hold the whole database, a span of revisions seldom.
    changesFrom: db
      .prepare(`SELECT ${columns} FROM kv WHERE id >= ? AND id < ? AND +key >= ? ORDER BY id LIMIT ?`)
      .raw(),
    changesIn: db
      .prepare(`SELECT ${columns} FROM kv WHERE id >= ? AND id < ? AND +key >= ? AND +key < ? ORDER BY id LIMIT ?`)
      .raw(),
    floor: db.prepare('SELECT id FROM prune_floor WHERE policy = ?').pluck(),
    setFloor: db.prepare(
      'INSERT INTO prune_floor (policy, id) VALUES (?, ?) ON CONFLICT (policy) DO UPDATE SET id = excluded.id',
    ),
    pruneScan: db.prepare('SELECT id, key, tombstone, time FROM kv WHERE id >= ? AND id < ? ORDER BY id LIMIT ?').raw(),
    purge: db.prepare('DELETE FROM kv WHERE key = ? AND id <> ifnull((SELECT id FROM latest WHERE key = ?), -1)'),
    dropBelow: db.prepare('DELETE FROM kv WHERE key = ? AND id < ?'),
  };
}
