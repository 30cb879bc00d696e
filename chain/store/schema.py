"""The tables of the node's database. A block is one transaction over all of them."""

SCHEMA_VERSION = 1

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

-- The ledger's rows as of the last block.
CREATE TABLE IF NOT EXISTS state (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS block (
    height INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    time_ms INTEGER NOT NULL,
    raw BLOB NOT NULL
);

CREATE TABLE IF NOT EXISTS event (
    height INTEGER NOT NULL,
    number INTEGER NOT NULL,
    kind TEXT NOT NULL,
    hotspot BLOB,
    round INTEGER,
    epoch INTEGER,
    raw BLOB NOT NULL,
    PRIMARY KEY (height, number)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS event_by_kind ON event (kind, height, number);
CREATE INDEX IF NOT EXISTS event_by_hotspot ON event (hotspot, kind, height, number);

-- What became of each transaction ever acknowledged.
CREATE TABLE IF NOT EXISTS outcome (
    id BLOB PRIMARY KEY,
    height INTEGER NOT NULL,
    included INTEGER NOT NULL,
    code TEXT,
    reason TEXT
) WITHOUT ROWID;

-- Acknowledged and waiting for a block.
CREATE TABLE IF NOT EXISTS pending_transaction (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    raw BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS pending_report (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    raw BLOB NOT NULL
);
"""
