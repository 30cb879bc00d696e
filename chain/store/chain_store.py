"""The node's database: committed state, blocks, events, outcomes, and what is acknowledged but not in a
block yet.

One writing connection (used by one thread: the node's) and one reading connection (WAL: a reader sees the
last commit and never waits). A block with everything that follows from it is one transaction,
synchronous=FULL: after a crash the database is at the last committed block, and every acknowledged
transaction is either in it or still pending.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from chain.ledger.events import Event, StoredEvent
from chain.ledger.state import Changes
from chain.store.lock_file import FolderTaken, LockFile
from chain.store.schema import SCHEMA, SCHEMA_VERSION
from chain.write_point import write_point

_BUSY_TIMEOUT_S = 10.0


class StoreError(Exception):
    """The database can't be used; the message says why and what to do."""


class Head(msgspec.Struct, frozen=True):
    """The last committed block."""

    height: int
    hash: bytes
    time_ms: int
    state_digest: bytes


class Outcome(msgspec.Struct, frozen=True):
    """What became of a transaction."""

    id: bytes
    height: int
    included: bool
    code: str | None = None
    reason: str | None = None


class Pending(msgspec.Struct, frozen=True):
    """A transaction or report that waits for a block."""

    id: bytes
    raw: bytes


class BlockCommit(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one block writes."""

    head: Head
    raw: bytes
    changes: Changes
    events: Sequence[Event]
    outcomes: Sequence[Outcome] = ()
    settled_reports: Sequence[bytes] = ()
    """Ids of reports that are in the block, or were dropped for a reason."""


class StateReader:
    """The committed state, as `chain.ledger.state.KeyValueStore` wants it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, key: bytes) -> bytes | None:
        row = self._connection.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0]

    def iterate(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        end = _get_prefix_end(prefix)
        if end is None:
            rows = self._connection.execute(
                "SELECT key, value FROM state WHERE key >= ? ORDER BY key", (prefix,)
            )
        else:
            rows = self._connection.execute(
                "SELECT key, value FROM state WHERE key >= ? AND key < ? ORDER BY key", (prefix, end)
            )
        yield from rows.fetchall()


class ChainStore:
    """The database of one node. Only one process may have it open."""

    def __init__(self, path: Path) -> None:
        """Open or create. Raises StoreError where another node has it open, or its schema is of another
        version.
        """
        self.path = path
        self._lock = _take_lock(path.with_suffix(".lock"))
        try:
            self._writer = _connect(path)
            self._check_version()
            self._writer.executescript(SCHEMA)
            self._reader = _connect(path)
            self._reader.execute("PRAGMA query_only = ON")
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"database {path}: {error}; restore it from a backup, or delete it to start over"
            ) from error
        self.committed = StateReader(self._writer)
        """The state for the thread that makes blocks."""
        self.readable = StateReader(self._reader)
        """The state for the thread that answers questions."""

    def close(self) -> None:
        """Close both connections; a later open finds the last commit."""
        self._reader.close()
        self._writer.close()
        self._lock.close()

    # Writing: all from one thread

    def write_genesis(self, genesis_hash: bytes, head: Head, changes: Changes) -> None:
        """Write the first state, once."""
        with self._writer:
            self._writer.execute("BEGIN IMMEDIATE")
            self._set_meta("genesis_hash", genesis_hash)
            self._write_changes(changes)
            self._write_head(head)

    def add_pending(self, transactions: Sequence[Pending], reports: Sequence[Pending]) -> None:
        """Make acknowledged transactions and reports durable, in one commit."""
        write_point("chain.pending.before_commit")
        with self._writer:
            self._writer.execute("BEGIN IMMEDIATE")
            for table, items in (("pending_transaction", transactions), ("pending_report", reports)):
                self._writer.executemany(
                    f"INSERT OR IGNORE INTO {table} (id, raw) VALUES (?, ?)",
                    [(item.id, item.raw) for item in items],
                )
            write_point("chain.pending.in_commit")
        write_point("chain.pending.after_commit")

    def commit_block(self, commit: BlockCommit) -> None:
        """Write a block and all that follows from it; durable when this returns."""
        height = commit.head.height
        write_point("chain.block.before_commit")
        with self._writer:
            self._writer.execute("BEGIN IMMEDIATE")
            self._writer.execute(
                "INSERT INTO block (height, hash, time_ms, raw) VALUES (?, ?, ?, ?)",
                (height, commit.head.hash, commit.head.time_ms, commit.raw),
            )
            self._write_changes(commit.changes)
            self._write_head(commit.head)
            self._writer.executemany(
                "INSERT INTO event (height, number, kind, hotspot, round, epoch, raw) VALUES (?,?,?,?,?,?,?)",
                [
                    (
                        height,
                        number,
                        event.kind,
                        event.fields.get("hotspot"),
                        event.fields.get("round"),
                        event.fields.get("epoch"),
                        msgspec.msgpack.encode(event),
                    )
                    for number, event in enumerate(commit.events)
                ],
            )
            self._write_outcomes(commit.outcomes)
            self._writer.executemany(
                "DELETE FROM pending_report WHERE id = ?", [(id,) for id in commit.settled_reports]
            )
            write_point("chain.block.in_commit")
        write_point("chain.block.after_commit")

    # Reading, by the writing thread at start-up

    def get_genesis_hash(self) -> bytes | None:
        """Which network the database belongs to; None where it is new."""
        row = self._writer.execute("SELECT value FROM meta WHERE name = 'genesis_hash'").fetchone()
        return None if row is None else row[0]

    def get_pending_transactions(self) -> list[Pending]:
        """In the order in which they were acknowledged."""
        rows = self._writer.execute("SELECT id, raw FROM pending_transaction ORDER BY number")
        return [Pending(*row) for row in rows.fetchall()]

    def get_pending_reports(self) -> list[Pending]:
        """In the order of their arrival."""
        rows = self._writer.execute("SELECT id, raw FROM pending_report ORDER BY number")
        return [Pending(*row) for row in rows.fetchall()]

    # Reading, by the answering thread

    def get_head(self) -> Head:
        """Return the last committed block. Raises StoreError before the genesis is written."""
        row = self._reader.execute("SELECT value FROM meta WHERE name = 'head'").fetchone()
        if row is None:
            raise StoreError(f"database {self.path} has no genesis")
        return msgspec.msgpack.decode(row[0], type=Head)

    def get_block(self, height: int) -> bytes | None:
        """Return a block's bytes."""
        row = self._reader.execute("SELECT raw FROM block WHERE height = ?", (height,)).fetchone()
        return None if row is None else row[0]

    def get_outcome(self, id: bytes) -> Outcome | None:
        """Return what became of a transaction; None while it is pending or unknown."""
        row = self._reader.execute(
            "SELECT id, height, included, code, reason FROM outcome WHERE id = ?", (id,)
        ).fetchone()
        return None if row is None else Outcome(row[0], row[1], bool(row[2]), row[3], row[4])

    def get_events(self, from_height: int, limit: int) -> list[StoredEvent]:
        """Return the events from a height on, at least `limit` of them where there are, always whole
        blocks.
        """
        rows = self._reader.execute(
            "SELECT height FROM event WHERE height >= ? ORDER BY height, number LIMIT 1 OFFSET ?",
            (from_height, max(limit, 1) - 1),
        ).fetchone()
        last = rows[0] if rows is not None else self.get_head().height
        return self._read_events(
            "event.height BETWEEN ? AND ? ORDER BY event.height, number", (from_height, last)
        )

    def find_events(
        self,
        kinds: Sequence[str],
        limit: int,
        hotspot: bytes | None = None,
        round: int | None = None,
        epoch: int | None = None,
    ) -> list[StoredEvent]:
        """Return the newest events of some kinds first, by hotspot, round or epoch where given."""
        where = [f"kind IN ({','.join('?' * len(kinds))})"]
        values: list[object] = list(kinds)
        for column, value in (("hotspot", hotspot), ("round", round), ("epoch", epoch)):
            if value is not None:
                where.append(f"{column} = ?")
                values.append(value)
        return self._read_events(
            f"{' AND '.join(where)} ORDER BY event.height DESC, number DESC LIMIT ?", (*values, limit)
        )

    def _read_events(self, condition: str, values: Sequence[object]) -> list[StoredEvent]:
        rows = self._reader.execute(
            "SELECT event.height, number, time_ms, event.raw FROM event JOIN block USING (height) "
            f"WHERE {condition}",
            tuple(values),
        )
        return [
            StoredEvent(
                height=height,
                index=number,
                time_ms=time_ms,
                event=msgspec.msgpack.decode(raw, type=Event),
            )
            for height, number, time_ms, raw in rows.fetchall()
        ]

    # Parts of a transaction

    def _write_changes(self, changes: Changes) -> None:
        self._writer.executemany(
            "INSERT OR REPLACE INTO state (key, value) VALUES (?, ?)",
            [change for change in changes if change[1] is not None],
        )
        self._writer.executemany(
            "DELETE FROM state WHERE key = ?", [(key,) for key, value in changes if value is None]
        )

    def _write_outcomes(self, outcomes: Sequence[Outcome]) -> None:
        self._writer.executemany(
            "INSERT INTO outcome (id, height, included, code, reason) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET height = excluded.height, included = excluded.included, "
            "code = excluded.code, reason = excluded.reason WHERE NOT outcome.included",
            [(o.id, o.height, o.included, o.code, o.reason) for o in outcomes],
        )
        self._writer.executemany(
            "DELETE FROM pending_transaction WHERE id = ?", [(outcome.id,) for outcome in outcomes]
        )

    def _write_head(self, head: Head) -> None:
        self._set_meta("head", msgspec.msgpack.encode(head))

    def _set_meta(self, name: str, value: bytes) -> None:
        self._writer.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))

    def _check_version(self) -> None:
        version = self._writer.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            self._writer.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        elif version != SCHEMA_VERSION:
            raise StoreError(
                f"database {self.path} has schema {version}, this node knows {SCHEMA_VERSION}: "
                "use the release that wrote it"
            )


def _connect(path: Path) -> sqlite3.Connection:
    # The node keeps each connection to one thread at a time itself; isolation_level=None: BEGIN is ours.
    connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, check_same_thread=False, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _take_lock(path: Path) -> LockFile:
    try:
        return LockFile(path, "node")
    except FolderTaken as error:
        raise StoreError(str(error)) from error


def _get_prefix_end(prefix: bytes) -> bytes | None:
    """The first key after all that start with `prefix`, or None where there is none."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else None
