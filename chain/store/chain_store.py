"""The node's database: committed state, blocks, bundles, events, outcomes, and what is acknowledged but not
in a block yet.

One writing connection (used by one thread: the node's) and one reading connection (WAL: a reader sees the
last commit and never waits). A block with everything that follows from it is one transaction,
synchronous=FULL: after a crash the database is at the last committed block, and every acknowledged
transaction is either in it or still pending.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from chain.blocks.block_events import decode_events
from chain.ledger.events import StoredEvent
from chain.ledger.state import Changes
from chain.store.lock_file import FolderTaken, LockFile
from chain.store.schema import SCHEMA, SCHEMA_VERSION
from chain.write_point import write_point

_BUSY_TIMEOUT_S = 10.0
#: Old bundles go a few with each block: as many as an epoch has at once would stop the chain for minutes.
_BUNDLES_PRUNED_PER_BLOCK = 16
#: SQLite's own are for phones: the rows that a block touches lie all over the state.
_CACHE_KIB = 65_536
_PAGES_BETWEEN_CHECKPOINTS = 8_000
_ROWS_AT_ONCE = 10_000
_KEYS_AT_ONCE = 1_000
_SELECT_MANY = f"SELECT key, value FROM state WHERE key IN ({','.join('?' * _KEYS_AT_ONCE)})"


class StoreError(Exception):
    """The database can't be used; the message says why and what to do."""


class Head(msgspec.Struct, frozen=True):
    """The last committed block."""

    height: int
    hash: bytes
    time_ms: int
    state_root: bytes


class Outcome(msgspec.Struct, frozen=True):
    """What became of a transaction."""

    id: bytes
    height: int
    position: int | None
    """Its place among the block's transactions; None where it was left out as invalid."""
    code: str | None = None
    reason: str | None = None

    @property
    def included(self) -> bool:
        return self.position is not None


class Pending(msgspec.Struct, frozen=True):
    """A transaction or report that waits for a block."""

    id: bytes
    raw: bytes


class StoredBundle(msgspec.Struct, frozen=True):
    """A block's reports, as the store keeps them."""

    epoch: int
    """The epoch that the block belongs to: the one that was open when it began."""
    root: bytes
    raw: bytes


class BlockCommit(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one block writes."""

    head: Head
    raw: bytes
    changes: Changes
    events: int = 0
    """How many."""
    encoded_events: bytes = b""
    bundle: StoredBundle | None = None
    """None where the block has no report."""
    oldest_bundle_epoch: int = 0
    """Bundles of earlier epochs may go."""
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

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        keys = sorted(keys)
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            chunk = keys[start : start + _KEYS_AT_ONCE]
            chunk += chunk[-1:] * (_KEYS_AT_ONCE - len(chunk))  # one statement, prepared once
            found.update(self._connection.execute(_SELECT_MANY, chunk))
        return found

    def iterate(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        # One statement sees one commit, however long it takes, and a whole state need not be in memory.
        end = _get_prefix_end(prefix)
        if end is None:
            rows = self._connection.execute(
                "SELECT key, value FROM state WHERE key >= ? ORDER BY key", (prefix,)
            )
        else:
            rows = self._connection.execute(
                "SELECT key, value FROM state WHERE key >= ? AND key < ? ORDER BY key", (prefix, end)
            )
        while some := rows.fetchmany(_ROWS_AT_ONCE):
            yield from some


class StateView(StateReader):
    """The whole committed state at one head, whatever is committed meanwhile."""

    def __init__(self, connection: sqlite3.Connection, head: Head) -> None:
        super().__init__(connection)
        self.head = head

    def iterate_all(self) -> Iterator[tuple[bytes, bytes]]:
        """All (key, value) in key order."""
        return self.iterate(b"")


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
        self.write_state(genesis_hash, head, ((key, value) for key, value in changes if value is not None))

    def write_state(self, genesis_hash: bytes, head: Head, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        """Write a whole state (all keys and values, best in key order) as of `head` into a new database: a
        genesis, or a snapshot that was checked. All of it or nothing. Raises StoreError where there is a
        state already.
        """
        if self.get_genesis_hash() is not None:
            raise StoreError(f"database {self.path} has a state already: start with a new data directory")
        write_point("chain.state.before_commit")
        with self._writer:
            self._writer.execute("BEGIN IMMEDIATE")
            self._set_meta("genesis_hash", genesis_hash)
            self._writer.executemany("INSERT INTO state (key, value) VALUES (?, ?)", pairs)
            self._write_head(head)
            write_point("chain.state.in_commit")
        write_point("chain.state.after_commit")

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
            if commit.events:
                self._writer.execute(
                    "INSERT INTO block_events (height, time_ms, events, raw) VALUES (?, ?, ?, ?)",
                    (height, commit.head.time_ms, commit.events, commit.encoded_events),
                )
            if commit.bundle is not None:
                self._writer.execute(
                    "INSERT INTO bundle (height, epoch, root, raw) VALUES (?, ?, ?, ?)",
                    (height, commit.bundle.epoch, commit.bundle.root, commit.bundle.raw),
                )
            self._prune_bundles(commit.oldest_bundle_epoch)
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
        return self._read_head(self._reader)

    def _read_head(self, connection: sqlite3.Connection) -> Head:
        row = connection.execute("SELECT value FROM meta WHERE name = 'head'").fetchone()
        if row is None:
            raise StoreError(f"database {self.path} has no genesis")
        return msgspec.msgpack.decode(row[0], type=Head)

    def get_block(self, height: int) -> bytes | None:
        """Return a block's bytes."""
        row = self._reader.execute("SELECT raw FROM block WHERE height = ?", (height,)).fetchone()
        return None if row is None else row[0]

    def get_bundle(self, root: bytes) -> bytes | None:
        """Return a bundle's bytes by its root; None where there is none, or no longer."""
        row = self._reader.execute("SELECT raw FROM bundle WHERE root = ? LIMIT 1", (root,)).fetchone()
        return None if row is None else row[0]

    def get_outcome(self, id: bytes) -> Outcome | None:
        """Return what became of a transaction; None while it is pending or unknown."""
        row = self._reader.execute(
            "SELECT id, height, position, code, reason FROM outcome WHERE id = ?", (id,)
        ).fetchone()
        return None if row is None else Outcome(*row)

    def get_events(self, from_height: int, limit: int) -> list[StoredEvent]:
        """Return the events from a height on, at least `limit` of them where there are, always whole
        blocks.
        """
        rows = self._reader.execute(
            "SELECT height, time_ms, raw FROM block_events WHERE height >= ? ORDER BY height", (from_height,)
        )
        found: list[StoredEvent] = []
        for height, time_ms, raw in rows:
            found += _list_stored(height, time_ms, raw)
            if len(found) >= limit:
                break
        rows.close()
        return found

    @contextmanager
    def open_view(self) -> Iterator[StateView]:
        """Look at the whole committed state as of now, from any thread, while blocks go on: for snapshots
        and for what has to be counted from nothing.
        """
        connection = _connect(self.path)
        try:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("BEGIN")
            yield StateView(connection, self._read_head(connection))
        finally:
            connection.close()

    # Parts of a commit

    def _write_changes(self, changes: Changes) -> None:
        self._writer.executemany(
            "INSERT OR REPLACE INTO state (key, value) VALUES (?, ?)",
            [change for change in changes if change[1] is not None],
        )
        self._writer.executemany(
            "DELETE FROM state WHERE key = ?", [(key,) for key, value in changes if value is None]
        )

    def _prune_bundles(self, oldest_epoch: int) -> None:
        self._writer.execute(
            "DELETE FROM bundle WHERE height IN (SELECT height FROM "
            "(SELECT height, epoch FROM bundle ORDER BY height LIMIT ?) WHERE epoch < ?)",
            (_BUNDLES_PRUNED_PER_BLOCK, oldest_epoch),
        )

    def _write_outcomes(self, outcomes: Sequence[Outcome]) -> None:
        self._writer.executemany(
            "INSERT INTO outcome (id, height, position, code, reason) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET height = excluded.height, position = excluded.position, "
            "code = excluded.code, reason = excluded.reason WHERE outcome.position IS NULL",
            [(o.id, o.height, o.position, o.code, o.reason) for o in sorted(outcomes, key=_get_id)],
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


def _get_id(outcome: Outcome) -> bytes:
    return outcome.id


def _list_stored(height: int, time_ms: int, raw: bytes) -> list[StoredEvent]:
    return [
        StoredEvent(height=height, index=index, time_ms=time_ms, event=event)
        for index, event in enumerate(decode_events(raw))
    ]


def _connect(path: Path) -> sqlite3.Connection:
    # The node keeps each connection to one thread at a time itself; isolation_level=None: BEGIN is ours.
    connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, check_same_thread=False, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_PAGES_BETWEEN_CHECKPOINTS}")
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
