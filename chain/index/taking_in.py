"""Writing rows: those of some blocks and the height they reach are one transaction.

What adds up (a hotspot's sums, links, covered cells) is added by the database itself, so that the result is
the same whether blocks came one by one or a thousand at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from chain.index.database import IndexDatabase
from chain.index.rows import SUMS, IndexedBlock, Row, Rows
from chain.index.schema import (
    BLOCK,
    CLAIM,
    COVERAGE,
    EPOCH,
    EVENT,
    HOTSPOT,
    LINK,
    PARTY,
    PRICE,
    REWARD,
    ROUND,
    SUBJECT,
    TRANSACTION,
    VERDICT,
)
from chain.write_point import write_point

Value = TypeVar("Value")

#: Verdicts are most of the rows: they are kept for so long before the last closed epoch.
DEFAULT_VERDICTS_KEPT_MS = 30 * 24 * 3_600_000
_VALUES_AT_ONCE = 500


class WrongBlock(ValueError):
    """A block that doesn't follow on what is in the index."""


def take_in(
    database: IndexDatabase, blocks: Sequence[IndexedBlock], verdicts_kept_ms: int = DEFAULT_VERDICTS_KEPT_MS
) -> None:
    """Take in the next blocks, all or none of them.

    The first may leave a gap (a node that began with a snapshot has no blocks below it).
    ``verdicts_kept_ms`` 0 keeps verdicts for good. Raises WrongBlock where they don't follow,
    IndexUnavailable.
    """
    if not blocks:
        return
    rows = Rows()
    for block in blocks:
        rows.add(block)
    write_point("index.blocks.before_commit")
    with database.writing() as connection:
        standing = database.get_standing(connection)
        first = blocks[0].height
        heights = [block.height for block in blocks]
        if first <= standing.height or heights != list(range(first, first + len(blocks))):
            raise WrongBlock(
                f"blocks {first} to {heights[-1]} don't follow on {standing.height} of the index"
            )
        _write(database, connection, rows)
        if verdicts_kept_ms:
            _forget_verdicts(connection, rows.epochs, verdicts_kept_ms)
        database.set_standing(connection, blocks[-1].height, blocks[-1].time_ms)
        write_point("index.blocks.in_commit")
    write_point("index.blocks.after_commit")


def _write(database: IndexDatabase, connection: Connection, rows: Rows) -> None:
    _write_hotspots(database, connection, rows)
    _complete_locations(connection, rows)
    for table, new in (
        (BLOCK, rows.blocks),
        (TRANSACTION, rows.transactions),
        (PARTY, rows.parties),
        (EVENT, rows.events),
        (SUBJECT, rows.subjects),
        (REWARD, rows.rewards),
        (VERDICT, rows.verdicts),
        (CLAIM, rows.claims),
        (PRICE, rows.prices),
    ):
        if new:
            connection.execute(insert(table), new)
    for table, new in ((ROUND, rows.rounds), (EPOCH, rows.epochs)):
        if new:
            connection.execute(database.insert_or_replace(table), new)
    if rows.coverage:
        latest = {"last_ms": _get_greater(database)}
        statement = database.insert_or_add(COVERAGE, ["cell"], ["beacons_heard", "witnessed"], latest)
        connection.execute(statement, list(rows.coverage.values()))
    if rows.links:
        latest = dict.fromkeys(("last_ms", "signal_ddbm", "snr_ddb", "distance_m", "last_reason"))
        statement = database.insert_or_add(LINK, ["beaconer", "witness"], ["heard", "rejected"], latest)
        connection.execute(statement, list(rows.links.values()))


def _get_greater(database: IndexDatabase):  # type: ignore[no-untyped-def]
    return func.max if database.is_sqlite else func.greatest


def _write_hotspots(database: IndexDatabase, connection: Connection, rows: Rows) -> None:
    for address, change in rows.hotspot_changes:
        if "name" in change:
            connection.execute(database.insert_or_replace(HOTSPOT), {"address": address, **change})
        else:
            connection.execute(update(HOTSPOT).where(HOTSPOT.c.address == address).values(change))
    sums = [{"of": address, **by} for address, by in rows.sums.items() if address]
    if not sums:
        return
    greater = _get_greater(database)
    changes = {name: HOTSPOT.c[name] + bindparam(f"by_{name}") for name in SUMS}
    changes["last_ms"] = greater(HOTSPOT.c.last_ms, bindparam("by_last_ms"))
    statement = update(HOTSPOT).where(HOTSPOT.c.address == bindparam("of")).values(changes)
    connection.execute(
        statement,
        [{"of": row["of"], **{f"by_{name}": row[name] for name in (*SUMS, "last_ms")}} for row in sums],
    )


def _complete_locations(connection: Connection, rows: Rows) -> None:
    """Where hotspots stand that were paid in these blocks and placed before them."""
    unknown = sorted({row["hotspot"] for row in rows.rewards if row["location"] is None})
    known: dict[str, int | None] = {}
    for addresses in _split(unknown, _VALUES_AT_ONCE):
        query = select(HOTSPOT.c.address, HOTSPOT.c.location).where(HOTSPOT.c.address.in_(addresses))
        known.update((address, location) for address, location in connection.execute(query))
    for row in rows.rewards:
        if row["location"] is None:
            row["location"] = known.get(row["hotspot"])


def _forget_verdicts(connection: Connection, epochs: Sequence[Row], kept_ms: int) -> None:
    """At the close of an epoch the verdicts go that are too old then: the same ones however blocks came."""
    if epochs:
        connection.execute(delete(VERDICT).where(VERDICT.c.time_ms < epochs[-1]["time_ms"] - kept_ms))


def _split(values: Iterable[Value], size: int) -> Iterator[list[Value]]:
    rest = iter(values)
    while part := list(islice(rest, size)):
        yield part
