import type Sqlite from 'better-sqlite3';
import { assert } from '../base/index.ts';
import type { EncodedEntry, Entry, EntryCodec, EntryType } from '../raft/index.ts';
import type { Database } from './database.ts';
import { entryRow, entrySum, notAsWritten, type SummedEntry } from './row-sum.ts';

/** Entries and bytes kept in memory beyond those not yet written. */
const cacheEntries = 2048;
const cacheBytes = 8 * 1024 * 1024;

/** The row's id holds the term in 24 bits: an election every second for half a year. */
const maxTerm = 2 ** 24;

interface EntryRow {
  idx: number;
  term: number;
  type: string;
  size: number;
  from_rev: number | null;
  to_rev: number | null;
  request: string;
  payload: Buffer | null;
  /** Of rows that a klab before schema 5 wrote there is none. */
  crc: number | null;
}

/**
 * Table raft_entry: every entry once, whichever members hold it. Entries are encoded at the end of the transaction,
 * when most have been applied, so that their values are references to kv rows and are stored once.
 */
export class EntryTable {
  readonly #path: string;
  readonly #loadValue: (revision: number, sub: number) => Uint8Array | undefined;
  readonly #sql: ReturnType<typeof prepareAll>;
  #codec: EntryCodec | undefined;
  readonly #cache = new Map<string, Entry>();
  #bytes = 0;
  /** To be inserted at the end of the transaction. */
  #unwritten = new Map<string, Entry>();
  /** Written with their values, applied since: to be rewritten without. */
  #applied: Entry[] = [];

  constructor(database: Database, loadValue: (revision: number, sub: number) => Uint8Array | undefined) {
    this.#path = database.path;
    this.#loadValue = loadValue;
    this.#sql = prepareAll(database.db);
  }

  setCodec(codec: EntryCodec): void {
    this.#codec = codec;
  }

  put(entry: Entry): void {
    assert(entry.term < maxTerm, `term ${entry.term} is beyond what the table can tell apart`);
    const id = identity(entry.term, entry.index);
    if (this.#cache.has(id) || this.#unwritten.has(id)) return;
    this.#unwritten.set(id, entry);
  }

  get(term: number, index: number): Entry {
    const id = identity(term, index);
    const known = this.#cache.get(id) ?? this.#unwritten.get(id);
    if (known) return known;
    const row = this.#sql.get.get(index, term) as EntryRow | undefined;
    assert(row, `entry ${index} of term ${term} is in a log but not in the table`);
    const entry = this.#decode(row);
    this.#remember(id, entry);
    return entry;
  }

  /** The entry was applied: its values have rows of their own now. */
  markApplied(entry: Entry): void {
    if (!this.#unwritten.has(identity(entry.term, entry.index))) this.#applied.push(entry);
  }

  flush(): void {
    for (const [id, entry] of this.#unwritten) {
      const { idx, term, type, size, fromRev, toRev, request, payload, crc } = this.#row(entry);
      this.#sql.put.run(idx, term, idx, term, type, size, fromRev, toRev, request, payload, crc);
      this.#remember(id, entry);
    }
    this.#unwritten.clear();
    for (const entry of this.#applied) {
      const { idx, term, fromRev, toRev, request, payload, crc } = this.#row(entry);
      this.#sql.update.run(fromRev, toRev, request, payload, crc, idx, term);
    }
    this.#applied = [];
  }

  /** Drops entries no log holds any more. */
  dropUpTo(index: number): void {
    this.#sql.drop.run(index);
  }

  /** After a rollback. What is cached may not be stored, so all of it is forgotten. */
  reload(): void {
    this.#unwritten.clear();
    this.#applied = [];
    this.#cache.clear();
    this.#bytes = 0;
  }

  #remember(id: string, entry: Entry): void {
    this.#cache.set(id, entry);
    this.#bytes += entry.size;
    for (const [oldest, { size }] of this.#cache) {
      if (this.#cache.size <= cacheEntries && this.#bytes <= cacheBytes) break;
      this.#cache.delete(oldest);
      this.#bytes -= size;
    }
  }

  #row(entry: Entry): SummedEntry & { crc: number } {
    const { type, size, request, payload = null, fromRevision = null, toRevision = null } = this.#encode(entry);
    const { index: idx, term } = entry;
    const row = { idx, term, type, size, fromRev: fromRevision, toRev: toRevision, request, payload };
    return { ...row, crc: entrySum(row) };
  }

  #encode(entry: Entry): EncodedEntry {
    if (entry.data === undefined) return { type: 'empty', request: '', size: 0 };
    assert(this.#codec, 'no codec for entries');
    return this.#codec.encode(entry);
  }

  #decode(row: EntryRow): Entry {
    const { idx: index, term, type, size, request } = row;
    if (row.crc !== null && row.crc !== entrySum({ ...row, fromRev: row.from_rev, toRev: row.to_rev })) {
      throw notAsWritten(this.#path, entryRow(index, term));
    }
    const entryType: EntryType = type === 'confChange' ? 'confChange' : 'normal';
    if (type === 'empty') return { index, term, type: entryType, data: undefined, size: 0 };
    assert(this.#codec, 'no codec for entries');
    const encoded: EncodedEntry = {
      type,
      size,
      request,
      payload: row.payload ?? undefined,
      fromRevision: row.from_rev ?? undefined,
      toRevision: row.to_rev ?? undefined,
    };
    return { index, term, type: entryType, ...this.#codec.decode(encoded, this.#loadValue) };
  }
}

function identity(term: number, index: number): string {
  return `${term}:${index}`;
}

function prepareAll(db: Sqlite.Database) {
  return {
    get: db.prepare('SELECT * FROM raft_entry WHERE id = (? << 24 | ?)'),
    put: db.prepare(
      `INSERT INTO raft_entry (id, idx, term, type, size, from_rev, to_rev, request, payload, crc)
       VALUES (? << 24 | ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
    ),
    update: db.prepare(
      'UPDATE raft_entry SET from_rev = ?, to_rev = ?, request = ?, payload = ?, crc = ? WHERE id = (? << 24 | ?)',
    ),
    drop: db.prepare('DELETE FROM raft_entry WHERE id < ((? + 1) << 24)'),
  };
}
