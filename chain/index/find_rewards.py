"""Questions about rewards: single payments, and their sums by time, epoch, hotspot, owner or hexagon."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import h3.api.basic_int as h3
import msgspec
from sqlalchemy import BigInteger, ColumnElement, Connection, Select, cast, func, select

from chain.index.cells import LOCATION_RESOLUTION
from chain.index.cursors import Found, Position
from chain.index.find_hotspots import is_in_cell
from chain.index.paging import find_page, read_body
from chain.index.rendering import Row
from chain.index.schema import REWARD

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS
#: Unix time began on a Thursday; weeks begin on Mondays, as ISO 8601 has them. In UTC, all of them.
_FIRST_MONDAY_MS = 4 * DAY_MS

#: Bits of an H3 index below the digits of a resolution.
_DIGIT_BITS = 3
_FINEST = 15


class RewardFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which payments. All that is given must hold; times as ``from_ms`` <= block time < ``until_ms``."""

    hotspot: str | None = None
    owner: str | None = None
    cell: int | None = None
    """H3 cell of any resolution up to 12."""
    epoch: int | None = None
    reward: str | None = None
    """What for: beacon, witness, data, ..."""
    from_ms: int | None = None
    until_ms: int | None = None

    def apply(self, query: Select[Any]) -> Select[Any]:
        for column, value in (
            (REWARD.c.hotspot, self.hotspot),
            (REWARD.c.owner, self.owner),
            (REWARD.c.epoch, self.epoch),
            (REWARD.c.reward, self.reward),
        ):
            if value is not None:
                query = query.where(column == value)
        if self.cell is not None:
            query = query.where(is_in_cell(REWARD.c.location, self.cell))
        if self.from_ms is not None:
            query = query.where(REWARD.c.time_ms >= self.from_ms)
        if self.until_ms is not None:
            query = query.where(REWARD.c.time_ms < self.until_ms)
        return query


def find_rewards(
    connection: Connection, wanted: RewardFilter, after: Position | None, limit: int
) -> Found[Row]:
    """Payments with what they were computed from, newest first. Position: (height, number)."""
    query = wanted.apply(select(REWARD.c.height, REWARD.c.number, REWARD.c.body))
    return find_page(connection, query, [REWARD.c.height, REWARD.c.number], after, limit, view=read_body)


def _start_of(width_ms: int, offset_ms: int = 0) -> ColumnElement[int]:
    whole = cast((REWARD.c.time_ms - offset_ms) // width_ms, BigInteger)
    return whole * width_ms + offset_ms


def _cell_of(resolution: int) -> ColumnElement[int]:
    """The parent cell of a location: its resolution lowered, all finer digits set to seven."""
    digits = (1 << _DIGIT_BITS * (_FINEST - resolution)) - 1
    lower = (LOCATION_RESOLUTION - resolution) << 52
    location = REWARD.c.location
    return location - lower - location % (digits + 1) + digits


#: name: what a group's key is, in the database
BUCKETS: dict[str, Callable[[], ColumnElement[Any]]] = {
    "hour": lambda: _start_of(HOUR_MS),
    "day": lambda: _start_of(DAY_MS),
    "week": lambda: _start_of(WEEK_MS, _FIRST_MONDAY_MS),
    "epoch": lambda: REWARD.c.epoch,
    "hotspot": lambda: REWARD.c.hotspot,
    "owner": lambda: REWARD.c.owner,
    "reward": lambda: REWARD.c.reward,
}
TIME_BUCKETS = ("hour", "day", "week")


def sum_rewards(
    connection: Connection,
    wanted: RewardFilter,
    by: str,
    after: Position | None,
    limit: int,
    resolution: int | None = None,
) -> Found[Row]:
    """Sums of payments by one of BUCKETS, or by ``hex`` of a resolution up to 12.

    Times and epochs newest first, the rest by its key. Position: (key,).
    """
    if by == "hex":
        key = _cell_of(LOCATION_RESOLUTION if resolution is None else resolution)
        query: Select[Any] = select(key.label("key")).where(REWARD.c.location.is_not(None))
    else:
        key = BUCKETS[by]()
        query = select(key.label("key"))
    newest_first = by in (*TIME_BUCKETS, "epoch")
    sums = (
        wanted.apply(query)
        .add_columns(
            cast(func.sum(REWARD.c.hxt), BigInteger).label("hxt"),
            func.count().label("payments"),
            func.count(REWARD.c.hotspot.distinct()).label("hotspots"),
            func.min(REWARD.c.time_ms).label("first_ms"),
            func.max(REWARD.c.time_ms).label("last_ms"),
        )
        .group_by(key)
        .subquery()
    )
    return find_page(
        connection,
        select(sums),
        [sums.c.key],
        after,
        limit,
        newest_first=newest_first,
        view=lambda row: _view_sum(row, by),
    )


def _view_sum(row: Row, by: str) -> Row:
    return {**row, "key": h3.int_to_str(row["key"])} if by == "hex" else row


def sum_all(connection: Connection, wanted: RewardFilter) -> Row:
    """One sum over all payments that are wanted."""
    columns: list[ColumnElement[Any]] = [
        cast(func.coalesce(func.sum(REWARD.c.hxt), 0), BigInteger).label("hxt"),
        func.count().label("payments"),
    ]
    return dict(connection.execute(wanted.apply(select(*columns))).mappings().one())
