import type Sqlite from 'better-sqlite3';
import type { Database } from './database.ts';

export interface SideEntry {
  readonly seq: number;
  /** Cluster-clock ms. */
  readonly time: number;
  /** What was appended: the object, or the bytes. */
  readonly value: unknown;
}

interface SideRow {
  seq: number;
  time: number;
  json: string | null;
  data: Buffer | null;
}

interface Pending {
  readonly kind: string;
  readonly key: string;
  readonly seq: number;
  readonly time: number;
  readonly json: string | null;
  readonly data: Uint8Array | null;
  written: boolean;
}

/**
 * Sequences of JSON objects or bytes by (kind, key): what other parts keep beside the store, e.g. the scheduler's
 * decisions. Not replicated and no revision. Appends are written with the store's next commit, which `onPending` asks
 * for; reads see them at once.
 */
export class SideTable {
  readonly #database: Database;
  readonly #sql: ReturnType<typeof prepareAll>;
  #pending: Pending[] = [];
  /** The newest of all. Keys share the numbers: to look up each key's own would take as long as to write an entry. */
  #last: number | undefined;
  /** Called when there is something to commit. Set by whoever drives the database. */
  onPending: () => void = () => {};

  constructor(database: Database) {
    this.#database = database;
    this.#sql = prepareAll(database.db);
  }

  /** Appends an object (as JSON) or bytes; returns its sequence number, which is greater than all before. */
  append(kind: string, key: string, time: number, value: unknown): number {
    this.#last ??= (this.#sql.last.get() as number | null) ?? 0;
    const seq = ++this.#last;
    const bytes = value instanceof Uint8Array;
    this.#pending.push({
      kind,
      key,
      seq,
      time,
      json: bytes ? null : JSON.stringify(value),
      data: bytes ? value : null,
      written: false,
    });
    if (this.#pending.length === 1) this.onPending();
    return seq;
  }

  get(kind: string, key: string, seq: number): SideEntry | undefined {
    this.flush();
    const row = this.#sql.get.get(kind, key, seq) as SideRow | undefined;
    return row && entry(row);
  }

  /** Newest first. */
  list(kind: string, key: string, options: { limit?: number; before?: number } = {}): SideEntry[] {
    this.flush();
    const { limit = -1, before = Number.MAX_SAFE_INTEGER } = options;
    return (this.#sql.list.all(kind, key, before, limit) as SideRow[]).map(entry);
  }

  /** Keys of a kind with a prefix, in order. */
  keys(kind: string, prefix = '', limit = 1000): string[] {
    this.flush();
    return this.#sql.keys.all(kind, prefix, `${prefix}\u{10ffff}`, limit) as string[];
  }

  /** Bytes kept under a kind, of the values alone. */
  bytes(kind: string): number {
    this.flush();
    return this.#sql.bytes.get(kind) as number;
  }

  /** Time of a kind's oldest entry. */
  oldest(kind: string): number | undefined {
    this.flush();
    return (this.#sql.oldest.get(kind) as number | null) ?? undefined;
  }

  /**
   * Removes the oldest entries of a kind, over all keys: those before a time, or until so many bytes are free; at most
   * `limit` entries. Returns the bytes freed.
   */
  pruneOldest(kind: string, options: { before?: number; bytes?: number; limit: number }): number {
    this.flush();
    const rows = this.#sql.eldest.all(kind, options.before ?? Number.MAX_SAFE_INTEGER, options.limit) as {
      id: number;
      size: number;
    }[];
    let freed = 0;
    for (const { id, size } of rows) {
      if (options.bytes !== undefined && freed >= options.bytes) break;
      if (freed === 0) this.#database.write();
      this.#sql.removeRow.run(id);
      freed += size;
    }
    if (freed > 0) this.onPending();
    return freed;
  }

  /** Removes all entries of a key. */
  remove(kind: string, key: string): void {
    this.flush();
    this.#database.write();
    this.#sql.removeKey.run(kind, key);
    this.onPending();
  }

  /** Writes what is pending into the open transaction. */
  flush(): void {
    if (this.#pending.length === 0) return;
    for (const p of this.#pending) {
      if (p.written) continue;
      this.#database.write();
      this.#sql.put.run(p.kind, p.key, p.seq, p.time, p.json, p.data);
      p.written = true;
    }
  }

  get hasPending(): boolean {
    return this.#pending.length > 0;
  }

  committed(): void {
    this.#pending = [];
  }

  /** What was written is gone: it is pending again. */
  rolledBack(): void {
    for (const p of this.#pending) p.written = false;
  }
}

function entry({ seq, time, json, data }: SideRow): SideEntry {
  return { seq, time, value: json === null ? data : JSON.parse(json) };
}

function prepareAll(db: Sqlite.Database) {
  return {
    put: db.prepare('INSERT INTO side (kind, key, seq, time, json, data) VALUES (?, ?, ?, ?, ?, ?)'),
    get: db.prepare('SELECT seq, time, json, data FROM side WHERE kind = ? AND key = ? AND seq = ?'),
    list: db.prepare(
      'SELECT seq, time, json, data FROM side WHERE kind = ? AND key = ? AND seq < ? ORDER BY seq DESC LIMIT ?',
    ),
    keys: db
      .prepare('SELECT DISTINCT key FROM side WHERE kind = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?')
      .pluck(),
    last: db.prepare('SELECT max(seq) FROM side').pluck(),
    bytes: db.prepare('SELECT coalesce(sum(coalesce(length(data), length(json))), 0) FROM side WHERE kind = ?').pluck(),
    oldest: db.prepare('SELECT min(time) FROM side WHERE kind = ?').pluck(),
    eldest: db.prepare(
      `SELECT rowid AS id, coalesce(length(data), length(json), 0) AS size FROM side
       WHERE kind = ? AND time < ? ORDER BY time LIMIT ?`,
    ),
    removeRow: db.prepare('DELETE FROM side WHERE rowid = ?'),
    removeKey: db.prepare('DELETE FROM side WHERE kind = ? AND key = ?'),
  };
}
