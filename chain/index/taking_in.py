"""Writing rows: those of some blocks and the height they reach are one transaction.

What adds up (a hotspot's sums, links, covered cells) is added by the database itself, so that the result is
the same whether blocks came one by one or a thousand at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from operator import attrgetter
from typing import TypeVar

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from chain.index.database import IndexDatabase
from chain.index.rendering import Row
from chain.index.rows import ADD, INSERT, REPLACED, SET, SUMS, HotspotChange, IndexedBlock, Rows
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
    rows.finish()
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
    _place_rewards(connection, rows)
    _write_hotspots(database, connection, rows)
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
    """In their order, those of one kind that follow each other at once."""
    greater = _get_greater(database)
    added = {name: HOTSPOT.c[name] + bindparam(f"by_{name}") for name in SUMS}
    added["last_ms"] = greater(HOTSPOT.c.last_ms, bindparam("by_last_ms"))
    add = update(HOTSPOT).where(HOTSPOT.c.address == bindparam("of")).values(added)
    for what, group in groupby(rows.hotspots, key=attrgetter("what")):
        changes = list(group)
        if what == INSERT:
            inserted = [{"address": change.address, **change.values} for change in changes]
            connection.execute(database.insert_or_replace(HOTSPOT), inserted)
        elif what == ADD:
            connection.execute(
                add,
                [
                    {"of": change.address, **{f"by_{name}": value for name, value in change.values.items()}}
                    for change in changes
                ],
            )
        else:
            for change in changes:
                if what == SET:
                    one = update(HOTSPOT).where(HOTSPOT.c.address == change.address)
                    connection.execute(one.values(change.values))
                else:
                    _rekey(database, connection, change)


def _rekey(database: IndexDatabase, connection: Connection, change: HotspotChange) -> None:
    """The new key's row is the old one's; the old one stands nowhere any more."""
    old = HOTSPOT.c.address == change.address
    row = connection.execute(select(HOTSPOT).where(old)).mappings().first()
    if row is None:
        return
    connection.execute(database.insert_or_replace(HOTSPOT), {**row, **change.values})
    nowhere = {"state": REPLACED, "location": None, "cell": None}
    connection.execute(update(HOTSPOT).where(old).values(nowhere))


def _place_rewards(connection: Connection, rows: Rows) -> None:
    """Where hotspots stood before these blocks that were paid in them. Called before their rows change."""
    addresses = sorted({address for address, _ in rows.unplaced_rewards})
    known: dict[str, int | None] = {}
    for some in _split(addresses, _VALUES_AT_ONCE):
        query = select(HOTSPOT.c.address, HOTSPOT.c.location).where(HOTSPOT.c.address.in_(some))
        known.update((address, location) for address, location in connection.execute(query))
    for address, row in rows.unplaced_rewards:
        row["location"] = known.get(address)


def _forget_verdicts(connection: Connection, epochs: Sequence[Row], kept_ms: int) -> None:
    """At the close of an epoch the verdicts go that are too old then: the same ones however blocks came."""
    if epochs:
        connection.execute(delete(VERDICT).where(VERDICT.c.time_ms < epochs[-1]["time_ms"] - kept_ms))


def _split(values: Iterable[Value], size: int) -> Iterator[list[Value]]:
    rest = iter(values)
    while part := list(islice(rest, size)):
        yield part
