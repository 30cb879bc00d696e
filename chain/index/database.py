"""The database that the index lies in: SQLite by a path, PostgreSQL by a URL.

    index.db                                     (default, in the node's folder)
    sqlite:////var/lib/hexhaul/index.db
    postgresql://hexhaul:secret@db.example/index

What differs between the two is in this file: how to connect, and what a transaction that writes begins with.
PostgreSQL's driver (psycopg) is not installed by default.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, insert, inspect, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from chain.index.schema import METADATA, SCHEMA_VERSION, STANDING

log = logging.getLogger(__name__)

#: Beside the node's store.
DEFAULT_FILE = "index.db"
READERS = 4
_BUSY_TIMEOUT_S = 10.0
_WRITES = "hexhaul_writes"
#: Any number, as long as all that write this index take the same: PostgreSQL's lock for it.
_ADVISORY_LOCK = 0x6865_7868_6175_6C


class IndexUnavailable(Exception):
    """The database can't be used now; the message names it and says what to do."""


class Standing:
    """Which chain the index is of, and up to which block."""

    __slots__ = ("genesis_hash", "height", "time_ms")

    def __init__(self, genesis_hash: bytes, height: int, time_ms: int) -> None:
        self.genesis_hash = genesis_hash
        self.height = height
        self.time_ms = time_ms


class IndexDatabase:
    """One index: open, write in one thread, read in several."""

    def __init__(self, url: str | Path) -> None:
        """Connects at the first use. Raises IndexUnavailable for a URL that can't be one."""
        self.url = _parse_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine: Engine = _make_engine(self.url)

    @property
    def name(self) -> str:
        """For messages: the URL without its password."""
        if self.is_sqlite and self.url.database:
            return self.url.database
        return self.url.render_as_string(hide_password=True)

    def open(self) -> None:
        """Make the tables where there are none. A SQLite file that can't be read, or an index of another
        version, is made anew: the blocks have it all. Raises IndexUnavailable.
        """
        try:
            self._prepare()
        except SQLAlchemyError as error:
            if not self.is_sqlite or not _is_broken_file(error):
                raise self._explain(error) from error
            log.warning("the index %s can't be read: it is built anew from the blocks", self.name)
            self.engine.dispose()
            for end in ("", "-wal", "-shm"):
                Path(f"{self.url.database}{end}").unlink(missing_ok=True)
            try:
                self._prepare()
            except SQLAlchemyError as again:
                raise self._explain(again) from again

    def _prepare(self) -> None:
        with self._write() as connection:
            found = set(inspect(connection).get_table_names())
            version = SCHEMA_VERSION
            if STANDING.name in found:
                version = connection.execute(select(STANDING.c.version)).scalar() or 0
            elif found & set(METADATA.tables):
                version = 0
            if version != SCHEMA_VERSION:
                log.warning("the index %s is of another version: it is built anew from the blocks", self.name)
                METADATA.drop_all(connection)
            METADATA.create_all(connection)
            if connection.execute(select(STANDING.c.only)).first() is None:
                connection.execute(insert(STANDING), _make_standing(b""))

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes: committed at the end, undone where the body raises. One at a time, also
        among processes. Raises IndexUnavailable.
        """
        try:
            with self._write() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise self._explain(error) from error

    @contextlib.contextmanager
    def _write(self) -> Iterator[Connection]:
        with self.engine.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A look at the index as of one block. Raises IndexUnavailable."""
        try:
            options = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
            with self.engine.connect().execution_options(**options) as connection, connection.begin():
                yield connection
        except SQLAlchemyError as error:
            raise self._explain(error) from error

    def get_standing(self, connection: Connection) -> Standing:
        """Where the index stands."""
        row = connection.execute(
            select(STANDING.c.genesis, STANDING.c.height, STANDING.c.time_ms)
        ).one_or_none()
        return Standing(b"", 0, 0) if row is None else Standing(bytes(row[0]), row[1], row[2])

    def set_standing(self, connection: Connection, height: int, time_ms: int) -> None:
        """Say that all blocks up to ``height`` are in, in the transaction of their rows."""
        connection.execute(update(STANDING).values(height=height, time_ms=time_ms))

    def clear(self, genesis_hash: bytes) -> None:
        """Forget everything, to be filled from the blocks of this chain; one transaction. A node that has the
        index open goes on with it from the first block.
        """
        with self.writing() as connection:
            if set(inspect(connection).get_table_names()) >= set(METADATA.tables):
                for table in METADATA.sorted_tables:
                    connection.execute(table.delete())
            else:
                METADATA.create_all(connection)
            connection.execute(insert(STANDING), _make_standing(genesis_hash))

    def drop(self) -> None:
        """Remove the tables, or the SQLite file. Raises IndexUnavailable."""
        if self.is_sqlite and self.url.database:
            self.engine.dispose()
            for end in ("-wal", "-shm", ""):
                Path(f"{self.url.database}{end}").unlink(missing_ok=True)
            return
        with self.writing() as connection:
            METADATA.drop_all(connection)

    def insert_or_add(self, table: Table, keys: list[str], sums: list[str], others: dict[str, Any]) -> Any:
        """An INSERT that adds to the row where there is one already.

        ``sums`` are the columns that add up; ``others`` maps column to a function of (old column, new column)
        or to None for "the new value".
        """
        build: Any = sqlite.insert if self.is_sqlite else postgresql.insert
        statement = build(table)
        new = statement.excluded
        changes = {name: table.c[name] + new[name] for name in sums}
        for name, combine in others.items():
            changes[name] = new[name] if combine is None else combine(table.c[name], new[name])
        return statement.on_conflict_do_update(index_elements=keys, set_=changes)

    def insert_or_replace(self, table: Table) -> Any:
        """An INSERT that replaces the row where there is one already."""
        keys = [column.name for column in table.primary_key]
        rest = [column.name for column in table.columns if column.name not in keys]
        return self.insert_or_add(table, keys, [], dict.fromkeys(rest))

    def measure_bytes(self) -> int:
        """Size on disk."""
        if self.is_sqlite:
            files = [Path(f"{self.url.database}{end}") for end in ("", "-wal")]
            return sum(file.stat().st_size for file in files if file.exists())
        with self.reading() as connection:
            query = text("SELECT sum(pg_total_relation_size(quote_ident(:name)::regclass))")
            return sum(
                int(connection.execute(query, {"name": name}).scalar() or 0) for name in METADATA.tables
            )

    def _explain(self, error: SQLAlchemyError) -> IndexUnavailable:
        reason = str(error.orig) if isinstance(error, DBAPIError) and error.orig else str(error)
        first_line = reason.strip().splitlines()[0] if reason.strip() else type(error).__name__
        return IndexUnavailable(f"index {self.name}: {first_line}")


def _make_standing(genesis_hash: bytes) -> dict[str, Any]:
    return {"only": 0, "version": SCHEMA_VERSION, "height": 0, "time_ms": 0, "genesis": genesis_hash}


def _parse_url(given: str | Path) -> URL:
    if isinstance(given, Path) or "://" not in given:
        return URL.create("sqlite+pysqlite", database=str(given))
    try:
        url = make_url(given)
    except (ArgumentError, ValueError) as error:
        raise IndexUnavailable(f"index {given.partition('@')[2] or given!r}: no URL: {error}") from error
    if url.drivername == "sqlite":
        return url.set(drivername="sqlite+pysqlite")
    if url.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        if importlib.util.find_spec("psycopg") is None:
            raise IndexUnavailable(
                "an index in PostgreSQL needs its driver: pip install 'psycopg[binary]', or leave --index out"
            )
        return url.set(drivername="postgresql+psycopg")
    raise IndexUnavailable(
        f"index {url.render_as_string(hide_password=True)}: {url.drivername} is not known here: write a "
        "path, or postgresql://USER:PASSWORD@HOST/DATABASE"
    )


def _make_engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        # A server that was restarted leaves dead connections: each is tried before it is used.
        return create_engine(
            url,
            pool_size=READERS + 1,
            max_overflow=0,
            pool_pre_ping=True,
            connect_args={"connect_timeout": 10},
        )
    engine = create_engine(
        url,
        pool_size=READERS + 1,
        max_overflow=0,
        connect_args={"timeout": _BUSY_TIMEOUT_S, "check_same_thread": False},
    )

    def connect(connection: sqlite3.Connection, _: object) -> None:
        # BEGIN is ours: the driver's own would come too late for tables that are made in a transaction.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        # A power cut may take the last blocks from the index; it takes them in again.
        connection.execute("PRAGMA synchronous = NORMAL")

    def begin(connection: Connection) -> None:
        is_write = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")

    event.listen(engine, "connect", connect)
    event.listen(engine, "begin", begin)
    return engine


def _is_broken_file(error: SQLAlchemyError) -> bool:
    """Whether the file is damaged or no database, rather than busy, forbidden or on a full disk."""
    origin = error.orig if isinstance(error, DBAPIError) else None
    return isinstance(origin, sqlite3.DatabaseError) and (
        getattr(origin, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
    )
