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
];
