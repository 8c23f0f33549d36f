import Sqlite from 'better-sqlite3';
import { StorageError, storageError } from './errors.ts';
import {
  entryRow,
  entrySum,
  kvRow,
  kvSum,
  metaRow,
  metaSum,
  problemOfSum,
  type SummedEntry,
  type SummedKv,
} from './row-sum.ts';
import { applicationId, migrations } from './schema.ts';

/** One thing that is wrong, at the first row where it is. */
export interface CheckFinding {
  /** What was looked at, as in the README: `latest`, `revisions`, … */
  readonly check: string;
  /** Names the row as a query would: `kv revision 17.0, key "/a"`. */
  readonly row: string;
  readonly problem: string;
}

export interface CheckReport {
  readonly path: string;
  readonly schema: number;
  readonly revision: number;
  readonly compactRevision: number;
  readonly keys: number;
  readonly revisions: number;
  readonly leases: number;
  readonly members: number;
  readonly findings: readonly CheckFinding[];
}

/** The schema with checksums. */
const summedSince = 5;
/** Of a damaged file: more of them say nothing more. */
const maxFileFindings = 5;

interface Rule {
  readonly check: string;
  readonly problem: string;
  /** Gives the first row that breaks the rule, with a column `row` that names it. */
  readonly sql: string;
}

const at = (id: string) => `(${id} >> 20) || '.' || (${id} & 1048575)`;
const key = (column: string) => `'key "' || CAST(${column} AS TEXT) || '"'`;

/** Every rule is one query: they can be run by hand in `sqlite3`. */
const rules: readonly Rule[] = [
  {
    check: 'latest',
    problem: 'the newest revision of this key is not what table latest says',
    sql: `SELECT ${key('l.key')} || ', revision ' || ${at('l.id')} AS row FROM latest l LEFT JOIN kv ON kv.id = l.id
          WHERE kv.id IS NULL OR kv.key <> l.key OR kv.tombstone = 1 OR kv.version <> l.version
             OR kv.create_rev <> l.create_rev OR kv.lease <> l.lease ORDER BY l.id LIMIT 1`,
  },
  {
    check: 'latest',
    problem: 'this key exists, and table latest does not have its newest revision',
    sql: `SELECT ${key('key')} || ', revision ' || ${at('id')} AS row
          FROM (SELECT key, max(id) AS id, tombstone FROM kv GROUP BY key) newest
          WHERE tombstone = 0 AND NOT EXISTS (SELECT 1 FROM latest l WHERE l.key = newest.key AND l.id = newest.id)
          ORDER BY id LIMIT 1`,
  },
  {
    check: 'revisions',
    problem: 'this revision is newer than the newest that was ever finished',
    sql: `SELECT 'kv revision ' || ${at('id')} AS row FROM kv
          WHERE id >> 20 > (SELECT revision FROM store_state) ORDER BY id LIMIT 1`,
  },
  {
    check: 'revisions',
    problem: 'the revisions before this one are missing',
    sql: `SELECT 'kv revision ' || main AS row FROM (
            SELECT main, lag(main, 1, max((SELECT compact_rev FROM store_state), 1)) OVER (ORDER BY main) AS before
            FROM (SELECT DISTINCT id >> 20 AS main FROM kv WHERE id >> 20 > max((SELECT compact_rev FROM store_state), 1))
          ) WHERE main <> before + 1 ORDER BY main LIMIT 1`,
  },
  {
    check: 'revisions',
    problem: 'the newest revision is missing',
    sql: `SELECT 'kv revision ' || revision AS row FROM store_state
          WHERE revision > max(compact_rev, 1) AND NOT EXISTS (SELECT 1 FROM kv WHERE id >> 20 = revision)`,
  },
  {
    check: 'versions',
    problem: 'the version does not follow that of the revision before',
    sql: `SELECT 'kv revision ' || ${at('id')} || ', ' || ${key('key')} || ', version ' || version AS row FROM (
            SELECT id, key, version, tombstone, lag(version) OVER w AS before, lag(tombstone) OVER w AS dead
            FROM kv WINDOW w AS (PARTITION BY key ORDER BY id)
          ) WHERE before IS NOT NULL AND CASE
              WHEN tombstone = 1 THEN dead = 1
              WHEN dead = 1 THEN version <> 1
              ELSE version <> before + 1 END
          ORDER BY id LIMIT 1`,
  },
  {
    check: 'versions',
    problem: 'it was made after it was changed',
    sql: `SELECT 'kv revision ' || ${at('id')} || ', create_rev ' || create_rev AS row FROM kv
          WHERE create_rev > id >> 20 ORDER BY id LIMIT 1`,
  },
  {
    check: 'revisions',
    problem: 'table actor does not have who wrote it',
    sql: `SELECT 'kv revision ' || ${at('id')} || ', actor ' || actor AS row FROM kv
          WHERE actor IS NOT NULL AND actor NOT IN (SELECT id FROM actor) ORDER BY id LIMIT 1`,
  },
  {
    check: 'compaction',
    problem: 'compacted beyond the newest revision',
    sql: `SELECT 'store_state compact_rev ' || compact_rev || ', revision ' || revision AS row FROM store_state
          WHERE compact_rev > revision`,
  },
  {
    check: 'leases',
    problem: 'the key is attached to a lease that does not exist',
    sql: `SELECT ${key('key')} || ', lease ' || printf('%x', lease) AS row FROM latest
          WHERE lease <> 0 AND lease NOT IN (SELECT id FROM lease) ORDER BY id LIMIT 1`,
  },
  // Before what joins these tables: a row that is missing would be no row to find fault with.
  {
    check: 'raft state',
    problem: 'the row is missing: nothing says how far the store is',
    sql: `SELECT 'progress member 0' AS row WHERE NOT EXISTS (SELECT 1 FROM store_state)`,
  },
  {
    check: 'raft state',
    problem: 'the row is missing: nothing says how far this member is',
    sql: `SELECT 'progress member ' || member AS row
          FROM (SELECT member FROM raft_snapshot UNION SELECT member FROM raft_term)
          WHERE member NOT IN (SELECT member FROM raft_state) ORDER BY member LIMIT 1`,
  },
  {
    check: 'raft log',
    problem: 'the row is missing: nothing says where the log of this member begins',
    sql: `SELECT 'raft_snapshot member ' || member AS row FROM raft_state
          WHERE member NOT IN (SELECT member FROM raft_snapshot) ORDER BY member LIMIT 1`,
  },
  {
    check: 'raft log',
    problem: 'the log has entries and no term that they are of',
    sql: `SELECT 'raft_term member ' || r.member AS row
          FROM raft_state r JOIN raft_snapshot s ON s.member = r.member
          WHERE r.last > s.idx AND r.member NOT IN (SELECT member FROM raft_term) ORDER BY r.member LIMIT 1`,
  },
  {
    check: 'raft log',
    problem: 'the log has no entry before this one',
    sql: `SELECT 'raft_term member ' || t.member || ', idx ' || t.idx AS row
          FROM (SELECT member, min(idx) AS idx FROM raft_term GROUP BY member) t
          JOIN raft_snapshot s ON s.member = t.member WHERE t.idx > s.idx + 1 ORDER BY t.member LIMIT 1`,
  },
  {
    check: 'raft log',
    problem: 'the log refers to an entry that is not stored',
    sql: `SELECT 'raft_log member ' || member || ', idx ' || idx || ', term ' || term AS row FROM (
            SELECT r.member, r.term, r.first AS idx, r.last FROM raft_run r
            UNION ALL
            SELECT g.member, g.term, g.idx + 1, r.last FROM raft_log g
              JOIN raft_run r ON r.member = g.member AND r.term = g.term
          ) wanted
          WHERE idx <= last AND NOT EXISTS (SELECT 1 FROM raft_entry e WHERE e.id = (wanted.idx << 24 | wanted.term))
          ORDER BY member, idx LIMIT 1`,
  },
  {
    check: 'raft log',
    problem: 'terms go backwards',
    sql: `SELECT 'raft_term member ' || member || ', idx ' || idx || ', term ' || term AS row FROM (
            SELECT member, idx, term, lag(term) OVER (PARTITION BY member ORDER BY idx) AS before FROM raft_term
          ) WHERE term <= before ORDER BY member, idx LIMIT 1`,
  },
  {
    check: 'raft state',
    problem: 'applied, committed and logged entries contradict each other',
    sql: `SELECT 'raft_state member ' || r.member || ': applied ' || r.applied || ', commit ' || r."commit" AS row
          FROM raft_state r JOIN raft_snapshot s ON s.member = r.member
          WHERE r.applied > r."commit" OR r.applied < s.idx
             OR r."commit" > max(s.idx, r.last)
          ORDER BY r.member LIMIT 1`,
  },
  {
    check: 'raft state',
    problem: 'the state is ahead of every member that could have applied it',
    sql: `SELECT 'store_state applied_idx ' || applied_idx AS row FROM store_state
          WHERE applied_idx > (SELECT coalesce(max(applied), 0) FROM raft_state)`,
  },
  {
    check: 'raft entries',
    problem: 'an applied entry made a revision that the state does not have',
    sql: `SELECT 'raft_entry idx ' || idx || ', to_rev ' || to_rev AS row FROM raft_entry, store_state
          WHERE to_rev > revision ORDER BY idx LIMIT 1`,
  },
  {
    check: 'raft entries',
    problem: 'its revisions do not follow those of the entries before it',
    sql: `SELECT 'raft_entry idx ' || idx || ', from_rev ' || from_rev || ', to_rev ' || to_rev AS row FROM (
            SELECT idx, from_rev, to_rev, max(to_rev) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
            FROM raft_entry WHERE to_rev IS NOT NULL
          ) WHERE from_rev > to_rev OR from_rev <= before ORDER BY idx LIMIT 1`,
  },
  {
    check: 'raft entries',
    problem: 'the request cannot be read',
    sql: `SELECT 'raft_entry idx ' || idx || ', term ' || term AS row FROM raft_entry
          WHERE type <> 'empty' AND NOT json_valid(request) ORDER BY id LIMIT 1`,
  },
];

/** Its name, and what takes it as it is: `UPDATE …`. */
type Altered = [row: string, update: string];

const finding = (check: string, row: string, update: string): CheckFinding => ({
  check,
  row,
  problem: `${problemOfSum}; this takes the row as it is now: UPDATE ${update}`,
});

/** The first row of each table that is not what was written. Its own columns are what it is compared with, so this is no query. */
function alteredRows(db: Sqlite.Database, schema: number): CheckFinding[] {
  if (schema < summedSince) return [];
  const found: CheckFinding[] = [];
  const first = <Row>(check: string, table: string, sql: string, altered: (row: Row) => Altered | undefined) => {
    for (const columns of db.prepare(`${sql} FROM ${table} WHERE crc IS NOT NULL ORDER BY id`).iterate()) {
      const wrong = altered(columns as Row);
      if (wrong === undefined) continue;
      found.push(finding(check, ...wrong));
      return;
    }
  };
  first<SummedKv & { crc: number }>(
    'revisions',
    'kv',
    `SELECT id, key, create_rev AS createRev, version, CAST(lease AS TEXT) AS lease, tombstone, time, actor, cause, value, crc`,
    (row) => (kvSum(row) === row.crc ? undefined : [kvRow(row.id, row.key), `kv SET crc = NULL WHERE id = ${row.id}`]),
  );
  first<SummedEntry & { crc: number }>(
    'raft entries',
    'raft_entry',
    'SELECT idx, term, type, size, from_rev AS fromRev, to_rev AS toRev, request, payload, crc',
    (row) =>
      entrySum(row) === row.crc
        ? undefined
        : [entryRow(row.idx, row.term), `raft_entry SET crc = NULL WHERE id = ${row.idx} << 24 | ${row.term}`],
  );
  const metas = db.prepare('SELECT key, value, crc FROM meta WHERE crc IS NOT NULL').all();
  for (const { key: name, value, crc } of metas as { key: string; value: string; crc: number }[]) {
    if (metaSum(name, value) === crc) continue;
    found.push(finding('meta', metaRow(name), `meta SET crc = NULL WHERE key = '${name}'`));
  }
  return found;
}

/** Tables, indexes and views of this schema that the file lacks or describes otherwise. */
function alteredParts(db: Sqlite.Database, schema: number): CheckFinding[] {
  const like = new Sqlite(':memory:');
  try {
    for (const migration of migrations.slice(0, schema)) like.exec(migration);
    const parts = (of: Sqlite.Database) =>
      of.prepare("SELECT type || ' ' || name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'").raw().all() as [
        string,
        string,
      ][];
    const there = new Map(parts(db));
    // SQLite's releases quote differently what they rename.
    const plain = (sql: unknown) => String(sql).replaceAll(/["\s]/g, '');
    return parts(like).flatMap(([part, sql]) => {
      const is = there.get(part);
      if (is === undefined) return [{ check: 'file', row: part, problem: 'it is missing' }];
      return plain(is) === plain(sql) ? [] : [{ check: 'file', row: part, problem: "its definition is not klab's" }];
    });
  } finally {
    like.close();
  }
}

/**
 * Verifies a cluster's database by itself: structure of the file, then every rule above. Reads only, one snapshot of the
 * database, so a server may run on it. Slow: every row is looked at. Throws StorageError when it cannot be read at all.
 */
export function checkDatabase(path: string): CheckReport {
  let db: Sqlite.Database;
  try {
    db = new Sqlite(path, { readonly: true, fileMustExist: true, timeout: 2000 });
  } catch (error) {
    throw storageError(error, path);
  }
  try {
    return db.transaction(() => examine(db, path))();
  } catch (error) {
    throw storageError(error, path);
  } finally {
    db.close();
  }
}

function examine(db: Sqlite.Database, path: string): CheckReport {
  if (db.pragma('application_id', { simple: true }) !== applicationId) {
    throw new StorageError('NotADatabase', `the file is not a klab database: ${path}`);
  }
  const schema = db.pragma('user_version', { simple: true }) as number;
  if (schema > migrations.length) {
    throw new StorageError(
      'NewerSchema',
      `${path} was written by a newer klab (schema ${schema}, this one knows ${migrations.length}): use that version`,
    );
  }
  const findings: CheckFinding[] = [];
  // Not quick_check, which does not look whether an index has the rows of its table.
  for (const { integrity_check: text } of db.pragma(`integrity_check(${maxFileFindings})`) as {
    integrity_check: string;
  }[]) {
    if (text !== 'ok') findings.push({ check: 'file', row: path, problem: text });
  }
  findings.push(...alteredParts(db, schema));
  // What a damaged file says about rows is of no use.
  if (findings.length === 0) {
    for (const { check, problem, sql } of rules) {
      const row = db.prepare(sql).pluck().get() as string | undefined;
      if (row !== undefined) findings.push({ check, row, problem });
    }
    findings.push(...alteredRows(db, schema));
  }
  const broken = findings.some(({ check }) => check === 'file');
  const count = (table: string) => (broken ? 0 : (db.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number));
  const state = broken
    ? undefined
    : (db.prepare('SELECT revision, compact_rev AS compactRevision FROM store_state').get() as
        | { revision: number; compactRevision: number }
        | undefined);
  return {
    path,
    schema,
    revision: state?.revision ?? 0,
    compactRevision: state?.compactRevision ?? 0,
    keys: count('latest'),
    revisions: count('kv'),
    leases: count('lease'),
    members: count('raft_state'),
    findings,
  };
}
