"""The SQLite file of one hotspot and its transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chain.write_point import write_point

SCHEMA_VERSION = 3

SCHEMA = """
CREATE TABLE spool (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source_key TEXT NOT NULL UNIQUE,
    packet_hash BLOB NOT NULL UNIQUE,
    packet BLOB NOT NULL,
    received_at_ms INTEGER NOT NULL
);
CREATE TABLE taken (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source_key TEXT NOT NULL UNIQUE
);
CREATE TABLE router_totals (
    router TEXT PRIMARY KEY,
    bought_packets INTEGER NOT NULL DEFAULT 0,
    bought_data_credits INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE vouchers (
    channel_id TEXT PRIMARY KEY,
    router TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    total_data_credits INTEGER NOT NULL,
    total_packets INTEGER NOT NULL,
    voucher BLOB NOT NULL,
    claimed_data_credits INTEGER NOT NULL DEFAULT 0,
    channel_data_credits INTEGER,
    allotted_data_credits INTEGER NOT NULL DEFAULT 0,
    closing_at_ms INTEGER NOT NULL DEFAULT 0,
    is_settled INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE disputes (
    channel_id TEXT PRIMARY KEY,
    router TEXT NOT NULL,
    one BLOB NOT NULL,
    other BLOB NOT NULL,
    is_reported INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE airtime (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    radio TEXT NOT NULL,
    start_us INTEGER NOT NULL,
    time_on_air_us INTEGER NOT NULL,
    frequency_hz INTEGER NOT NULL
);
CREATE TABLE reports (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    data BLOB NOT NULL,
    report BLOB NOT NULL,
    nonce BLOB NOT NULL,
    claim BLOB NOT NULL,
    is_claimed INTEGER NOT NULL DEFAULT 0,
    openings_from_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    UNIQUE (kind, data)
);
CREATE TABLE facts (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
);
"""

#: What makes a database of each version one of the next. 1: reports of a round that is over by now go.
MIGRATIONS = {
    1: "DROP TABLE reports;"
    + SCHEMA[SCHEMA.index("CREATE TABLE reports") : SCHEMA.index("CREATE TABLE facts")],
    2: "ALTER TABLE vouchers ADD COLUMN allotted_data_credits INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE vouchers ADD COLUMN closing_at_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE vouchers ADD COLUMN is_settled INTEGER NOT NULL DEFAULT 0;"
    + SCHEMA[SCHEMA.index("CREATE TABLE disputes") : SCHEMA.index("CREATE TABLE airtime")],
}


class Database:
    """One connection, used from the event loop only: statements here are short, and a commit's fsync is what
    an acknowledgement has to wait for anyway."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("PRAGMA synchronous=FULL")
        self.connection.execute("PRAGMA busy_timeout=2000")
        (version,) = self.connection.execute("PRAGMA user_version").fetchone()
        if version == 0 or version in MIGRATIONS:
            with self.transaction("hotspot.schema"):
                steps = [MIGRATIONS[step] for step in range(version, SCHEMA_VERSION)] if version else [SCHEMA]
                for statement in ";".join(steps).split(";"):
                    if statement.strip():
                        self.connection.execute(statement)
                self.connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        elif version != SCHEMA_VERSION:
            self.connection.close()
            raise ValueError(
                f"{path} has schema {version}, this program reads {SCHEMA_VERSION}: "
                "use the release that wrote it"
            )

    @contextmanager
    def transaction(self, name: str) -> Iterator[sqlite3.Connection]:
        """All or nothing, on the disk at the end. ``name`` names the write points around the commit."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield self.connection
            write_point(f"{name}.before_commit")
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise
        write_point(f"{name}.after_commit")

    def get_fact(self, name: str) -> bytes | None:
        """The bytes kept under a name, or None."""
        row = self.connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def put_fact(self, name: str, value: bytes) -> None:
        """Keep bytes under a name; durable on return."""
        with self.transaction(f"hotspot.fact.{name}") as connection:
            connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def close(self) -> None:
        self.connection.close()
