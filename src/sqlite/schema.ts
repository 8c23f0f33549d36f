/** `PRAGMA application_id` of klab databases: "klab" in ASCII. */
export const applicationId = 0x6b6c6162;

/**
 * Migrations in order; `PRAGMA user_version` counts those done. Never change one that was released: add another.
 * Rows with blobs keep the blob last, so that reading the other columns does not walk its overflow pages.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;

  -- Every revision ever written. id = main << 20 | sub, so rowids are in order of revision.
  CREATE TABLE kv (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL,
    create_rev INTEGER NOT NULL,
    version INTEGER NOT NULL,
    lease INTEGER NOT NULL,
    tombstone INTEGER NOT NULL,
    time INTEGER NOT NULL,
    actor INTEGER,
    cause TEXT,
    value BLOB
  );
  CREATE INDEX kv_by_key ON kv (key);

  -- The newest revision of every key that exists: all a start reads.
  CREATE TABLE latest (
    key BLOB NOT NULL UNIQUE,
    id INTEGER NOT NULL,
    create_rev INTEGER NOT NULL,
    version INTEGER NOT NULL,
    lease INTEGER NOT NULL
  );

  -- Who wrote: name and client software, interned.
  CREATE TABLE actor (id INTEGER PRIMARY KEY, name TEXT NOT NULL, agent TEXT NOT NULL, UNIQUE (name, agent));

  CREATE TABLE lease (id INTEGER PRIMARY KEY, ttl INTEGER NOT NULL);

  CREATE TABLE store_state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    revision INTEGER NOT NULL,
    compact_rev INTEGER NOT NULL,
    applied_idx INTEGER NOT NULL,
    applied_term INTEGER NOT NULL
  );
  INSERT INTO store_state VALUES (1, 1, 0, 0, 0);

  -- An entry once, whoever holds it. request is JSON; payload holds values that have no row in kv (yet).
  CREATE TABLE raft_entry (
    idx INTEGER NOT NULL,
    term INTEGER NOT NULL,
    type TEXT NOT NULL,
    size INTEGER NOT NULL,
    from_rev INTEGER,
    to_rev INTEGER,
    request TEXT NOT NULL,
    payload BLOB,
    UNIQUE (idx, term)
  );
  CREATE TABLE raft_log (
    member INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    term INTEGER NOT NULL,
    PRIMARY KEY (member, idx)
  ) WITHOUT ROWID;
  CREATE TABLE raft_state (
    member INTEGER PRIMARY KEY,
    term INTEGER NOT NULL,
    vote INTEGER NOT NULL,
    "commit" INTEGER NOT NULL,
    applied INTEGER NOT NULL
  );
  -- Where a member's log begins: everything up to idx is in the store only.
  CREATE TABLE raft_snapshot (
    member INTEGER PRIMARY KEY,
    idx INTEGER NOT NULL,
    term INTEGER NOT NULL,
    conf_state TEXT NOT NULL
  );

  -- How far each prune policy has come (a kv id).
  CREATE TABLE prune_floor (policy TEXT PRIMARY KEY, id INTEGER NOT NULL) WITHOUT ROWID;

  -- What other parts keep beside the store: decisions, traces. Not replicated.
  CREATE TABLE side (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    seq INTEGER NOT NULL,
    time INTEGER NOT NULL,
    json TEXT,
    data BLOB,
    UNIQUE (kind, key, seq)
  );
  CREATE INDEX side_by_time ON side (kind, time);

  CREATE VIEW history AS
    SELECT kv.id >> 20 AS revision, kv.id & 1048575 AS sub, CAST(kv.key AS TEXT) AS key, version,
      create_rev, lease, tombstone, datetime(time / 1000.0, 'unixepoch') AS written, actor.name AS actor,
      actor.agent AS agent, cause, length(value) AS bytes
    FROM kv LEFT JOIN actor ON actor.id = kv.actor;
  `,
  // Fewer pages a commit: the newest entries of all members lie together, and an entry's identity is its row's.
  `
  ALTER TABLE raft_log RENAME TO raft_log_1;
  CREATE TABLE raft_log (
    idx INTEGER NOT NULL,
    member INTEGER NOT NULL,
    term INTEGER NOT NULL,
    PRIMARY KEY (idx, member)
  ) WITHOUT ROWID;
  INSERT INTO raft_log (idx, member, term) SELECT idx, member, term FROM raft_log_1 ORDER BY idx, member;
  DROP TABLE raft_log_1;

  ALTER TABLE raft_entry RENAME TO raft_entry_1;
  -- id = idx << 24 | term.
  CREATE TABLE raft_entry (
    id INTEGER PRIMARY KEY,
    idx INTEGER NOT NULL,
    term INTEGER NOT NULL,
    type TEXT NOT NULL,
    size INTEGER NOT NULL,
    from_rev INTEGER,
    to_rev INTEGER,
    request TEXT NOT NULL,
    payload BLOB
  );
  INSERT INTO raft_entry SELECT idx << 24 | term, idx, term, type, size, from_rev, to_rev, request, payload
    FROM raft_entry_1 ORDER BY idx, term;
  DROP TABLE raft_entry_1;
  `,
  // A start reads keys in order from one tree, and a new key is written to one.
  `
  ALTER TABLE latest RENAME TO latest_2;
  CREATE TABLE latest (
    key BLOB PRIMARY KEY NOT NULL,
    id INTEGER NOT NULL,
    create_rev INTEGER NOT NULL,
    version INTEGER NOT NULL,
    lease INTEGER NOT NULL
  ) WITHOUT ROWID;
  INSERT INTO latest SELECT key, id, create_rev, version, lease FROM latest_2 ORDER BY key;
  DROP TABLE latest_2;
  `,
  // Two pages less a commit: what every commit changes of the store and of its members is one table, and of a member's log
  // only the beginnings of terms are written, for between them entries follow one another.
  `
  -- How far the store (0) and each member (1, 2, …) are.
  CREATE TABLE progress (
    member INTEGER PRIMARY KEY,
    term INTEGER NOT NULL,
    vote INTEGER NOT NULL,
    "commit" INTEGER NOT NULL,
    applied INTEGER NOT NULL,
    last INTEGER NOT NULL,
    revision INTEGER,
    compact_rev INTEGER
  );
  INSERT INTO progress SELECT 0, applied_term, 0, 0, applied_idx, 0, revision, compact_rev FROM store_state;
  INSERT INTO progress
    SELECT member, term, vote, "commit", applied, coalesce(
      (SELECT max(idx) FROM raft_log l WHERE l.member = s.member),
      (SELECT idx FROM raft_snapshot p WHERE p.member = s.member), 0), NULL, NULL
    FROM raft_state s;

  -- Where terms begin in a member's log; the first may be compacted.
  CREATE TABLE raft_term (
    member INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    term INTEGER NOT NULL,
    PRIMARY KEY (member, idx)
  ) WITHOUT ROWID;
  INSERT INTO raft_term SELECT member, min(idx), term FROM raft_log GROUP BY member, term ORDER BY 1, 2;

  DROP TABLE store_state;
  DROP TABLE raft_state;
  DROP TABLE raft_log;

  CREATE VIEW store_state AS
    SELECT revision, compact_rev, applied AS applied_idx, term AS applied_term FROM progress WHERE member = 0;
  CREATE VIEW raft_state AS SELECT member, term, vote, "commit", applied, last FROM progress WHERE member > 0;
  -- A member's log as stretches of one term, without what was compacted.
  CREATE VIEW raft_run AS
    SELECT t.member, t.term, max(t.idx, s.idx + 1) AS first,
      coalesce(lead(t.idx) OVER (PARTITION BY t.member ORDER BY t.idx) - 1, p.last) AS last
    FROM raft_term t JOIN progress p ON p.member = t.member JOIN raft_snapshot s ON s.member = t.member;
  CREATE VIEW raft_log AS
    SELECT r.member, e.idx, e.term FROM raft_run r JOIN raft_entry e
      ON e.idx BETWEEN r.first AND r.last AND e.term = r.term AND e.id BETWEEN r.first << 24 AND (r.last + 1) << 24;
  `,
  // What changes on the disk inside a value is found (row-sum.ts). Rows from before have none: NULL. After the blob, because a
  // column can only be added there; whoever looks at a checksum reads the blob anyway.
  `
  ALTER TABLE kv ADD COLUMN crc INTEGER;
  ALTER TABLE raft_entry ADD COLUMN crc INTEGER;
  ALTER TABLE meta ADD COLUMN crc INTEGER;
  `,
];
