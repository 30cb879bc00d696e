"""The SQLite file: schema, transactions, write points."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chain.write_point import write_point

SCHEMA_VERSION = 2
SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE devices (
  dev_eui BLOB PRIMARY KEY, name TEXT NOT NULL, join_eui BLOB NOT NULL, app_key BLOB NOT NULL,
  application TEXT NOT NULL, codec TEXT NOT NULL, skip_f_cnt_check INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  join_nonce INTEGER NOT NULL, tags TEXT NOT NULL,
  last_heard_at_ms INTEGER NOT NULL DEFAULT 0, last_reading TEXT NOT NULL DEFAULT '',
  last_position TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE TABLE sessions (
  session_id INTEGER PRIMARY KEY AUTOINCREMENT, dev_eui BLOB NOT NULL, dev_addr BLOB NOT NULL,
  nwk_s_key BLOB NOT NULL, app_s_key BLOB NOT NULL, f_cnt_up INTEGER NOT NULL, f_cnt_down INTEGER NOT NULL,
  seen_mask BLOB NOT NULL, started_at_ms INTEGER NOT NULL, rx1_delay_s INTEGER NOT NULL,
  is_pending INTEGER NOT NULL,
  last_heard_at_ms INTEGER NOT NULL
);
CREATE INDEX sessions_by_dev_addr ON sessions (dev_addr);
CREATE INDEX sessions_by_dev_eui ON sessions (dev_eui);
CREATE TABLE dev_nonces (
  dev_eui BLOB NOT NULL, join_eui BLOB NOT NULL, dev_nonce INTEGER NOT NULL, used_at_ms INTEGER NOT NULL,
  PRIMARY KEY (dev_eui, join_eui, dev_nonce)
) WITHOUT ROWID;
CREATE TABLE queue (
  position INTEGER PRIMARY KEY AUTOINCREMENT, item_id TEXT NOT NULL UNIQUE, dev_eui BLOB NOT NULL,
  confirmed INTEGER NOT NULL, f_port INTEGER NOT NULL, data BLOB NOT NULL, expires_at_ms INTEGER NOT NULL,
  state TEXT NOT NULL, f_cnt_down INTEGER NOT NULL, downlink_id INTEGER NOT NULL, attempts INTEGER NOT NULL
);
CREATE INDEX queue_by_dev_eui ON queue (dev_eui, position);
CREATE TABLE finished_items (item_id TEXT PRIMARY KEY, finished_at_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE downlinks (
  downlink_id INTEGER PRIMARY KEY AUTOINCREMENT, dev_eui BLOB NOT NULL, queue_item_id TEXT NOT NULL,
  f_cnt_down INTEGER NOT NULL, hotspot BLOB NOT NULL, sent_at_ms INTEGER NOT NULL, result TEXT NOT NULL,
  body BLOB NOT NULL
);
CREATE INDEX downlinks_open ON downlinks (sent_at_ms) WHERE result = '';
CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, dev_eui BLOB NOT NULL, kind TEXT NOT NULL, topic TEXT NOT NULL,
  payload BLOB NOT NULL, created_at_ms INTEGER NOT NULL, published_at_ms INTEGER
);
CREATE INDEX events_unpublished ON events (seq) WHERE published_at_ms IS NULL;
CREATE INDEX events_by_device ON events (dev_eui, seq);
CREATE TABLE frames (
  frame_id INTEGER PRIMARY KEY AUTOINCREMENT, payload_hash BLOB NOT NULL, payload BLOB NOT NULL,
  frame_class TEXT NOT NULL, kind TEXT NOT NULL, dev_addr BLOB NOT NULL, dev_eui BLOB NOT NULL,
  outcome TEXT NOT NULL,
  fields BLOB NOT NULL, receptions BLOB NOT NULL, heard_at_ms INTEGER NOT NULL,
  arrived_at_ms INTEGER NOT NULL
);
CREATE INDEX frames_by_hash ON frames (payload_hash);
CREATE INDEX frames_by_dev_addr ON frames (dev_addr, frame_id);
CREATE TABLE receipts (
  packet_hash BLOB PRIMARY KEY, status INTEGER NOT NULL, data_credits INTEGER NOT NULL,
  given_at_ms INTEGER NOT NULL
);
CREATE TABLE gateways (
  hotspot BLOB NOT NULL, gateway_eui BLOB NOT NULL, name TEXT NOT NULL, cell TEXT NOT NULL,
  first_heard_at_ms INTEGER NOT NULL, last_heard_at_ms INTEGER NOT NULL, packets INTEGER NOT NULL,
  bought INTEGER NOT NULL, rssi_dbm INTEGER NOT NULL, snr_db REAL NOT NULL, region TEXT NOT NULL,
  PRIMARY KEY (hotspot, gateway_eui)
) WITHOUT ROWID;
CREATE TABLE channels (
  channel_id TEXT PRIMARY KEY, amount INTEGER NOT NULL, opened_at_ms INTEGER NOT NULL,
  is_open INTEGER NOT NULL, closing_at_ms INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE allotments (
  channel_id TEXT NOT NULL, hotspot BLOB NOT NULL, data_credits INTEGER NOT NULL,
  PRIMARY KEY (channel_id, hotspot)
) WITHOUT ROWID;
CREATE TABLE vouchers (
  channel_id TEXT NOT NULL, hotspot BLOB NOT NULL, sequence INTEGER NOT NULL,
  total_data_credits INTEGER NOT NULL, total_packets INTEGER NOT NULL, PRIMARY KEY (channel_id, hotspot)
) WITHOUT ROWID;
CREATE TABLE owed (hotspot BLOB PRIMARY KEY, data_credits INTEGER NOT NULL,
  packets INTEGER NOT NULL) WITHOUT ROWID;
"""
#: What makes a file of an earlier version one of the next.
MIGRATIONS = {
    1: """
ALTER TABLE channels ADD COLUMN closing_at_ms INTEGER NOT NULL DEFAULT 0;
CREATE TABLE allotments (
  channel_id TEXT NOT NULL, hotspot BLOB NOT NULL, data_credits INTEGER NOT NULL,
  PRIMARY KEY (channel_id, hotspot)
) WITHOUT ROWID;
"""
}


class StoreError(Exception):
    """The file cannot be used; the message says why and what to do."""


class Transaction:
    """A running write transaction; only `Database.transaction` makes one."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        return self._connection.execute(sql, parameters)

    def get(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._connection.execute(sql, parameters).fetchone()
        return row

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
        return self._connection.execute(sql, parameters).fetchall()


class Database:
    """The router's store. One writer, in the event loop's thread; commits are durable when they return."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises StoreError for another version or a damaged file."""
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            path.chmod(0o600)
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=5)
            self._connection.row_factory = sqlite3.Row
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("PRAGMA foreign_keys = ON")
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                self._connection.executescript(
                    f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
                )
            while version in MIGRATIONS:
                migration, version = MIGRATIONS[version], version + 1
                self._connection.executescript(
                    f"BEGIN IMMEDIATE; {migration} PRAGMA user_version = {version}; COMMIT;"
                )
            if version not in (0, SCHEMA_VERSION):
                raise StoreError(
                    f"{path} has version {version}, this router reads {SCHEMA_VERSION}:"
                    " use the release that wrote it"
                )
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"router store {path}: {error}; check the folder, or restore the file from a backup"
            ) from error
        self._is_busy = False

    @contextmanager
    def transaction(self, name: str) -> Iterator[Transaction]:
        """A write transaction named for its write points: `name.before_commit` and `name.after_commit`."""
        if self._is_busy:
            raise RuntimeError(f"transaction {name} inside another one")
        self._is_busy = True
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield Transaction(self._connection)
                write_point(f"{name}.before_commit")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
            write_point(f"{name}.after_commit")
        finally:
            self._is_busy = False

    def read(self) -> Transaction:
        """For reading outside of a transaction."""
        return Transaction(self._connection)

    def get_meta(self, key: str) -> str | None:
        row = self.read().get("SELECT value FROM meta WHERE key = ?", (key,))
        return None if row is None else str(row["value"])

    def close(self) -> None:
        self._connection.close()


def put_meta(tx: Transaction, key: str, value: str) -> None:
    tx.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value)
    )
