"""The tables of the node's database. A block is one transaction over all of them."""

SCHEMA_VERSION = 2

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

-- The ledger's rows as of the last block.
CREATE TABLE IF NOT EXISTS state (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

-- Header and transactions; kept for good.
CREATE TABLE IF NOT EXISTS block (
    height INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    time_ms INTEGER NOT NULL,
    raw BLOB NOT NULL
);

-- Proof-of-Coverage reports of the blocks that have any; pruned by age.
CREATE TABLE IF NOT EXISTS bundle (
    height INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL,
    root BLOB NOT NULL,
    raw BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS bundle_by_root ON bundle (root);

-- What the blocks changed, all events of one block in one piece. Questions about history go to an index.
CREATE TABLE IF NOT EXISTS block_events (
    height INTEGER PRIMARY KEY,
    time_ms INTEGER NOT NULL,
    events INTEGER NOT NULL,
    raw BLOB NOT NULL
);

-- What became of each transaction ever acknowledged, and where it stands in its block.
CREATE TABLE IF NOT EXISTS outcome (
    id BLOB PRIMARY KEY,
    height INTEGER NOT NULL,
    position INTEGER,
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
