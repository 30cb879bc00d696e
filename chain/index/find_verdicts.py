"""Questions about verdicts on Proof-of-Coverage reports."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, func, select

from chain.index.cursors import Found, Position
from chain.index.paging import find_page, read_body
from chain.index.rendering import Row
from chain.index.schema import VERDICT


class VerdictFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which verdicts; all that is given must hold."""

    hotspot: str | None = None
    """Who reported: beaconer of a beacon, witness of a witness report."""
    beaconer: str | None = None
    """Whose beacon a witness report is about."""
    round: int | None = None
    kind: str | None = None
    """beacon_verdict or witness_verdict"""
    ok: bool | None = None
    reason: str | None = None


def find_verdicts(
    connection: Connection, wanted: VerdictFilter, after: Position | None, limit: int
) -> Found[Row]:
    """Verdicts as rendered events, newest first. Position: (height, number)."""
    query = select(VERDICT.c.height, VERDICT.c.number, VERDICT.c.body)
    for column, value in (
        (VERDICT.c.hotspot, wanted.hotspot),
        (VERDICT.c.beaconer, wanted.beaconer),
        (VERDICT.c.round, wanted.round),
        (VERDICT.c.kind, wanted.kind),
        (VERDICT.c.ok, None if wanted.ok is None else int(wanted.ok)),
        (VERDICT.c.reason, wanted.reason),
    ):
        if value is not None:
            query = query.where(column == value)
    return find_page(connection, query, [VERDICT.c.height, VERDICT.c.number], after, limit, view=read_body)


def count_by_reason(connection: Connection, since_ms: int) -> list[Row]:
    """How many verdicts of each kind and reason since a time."""
    count = func.count().label("verdicts")
    query = (
        select(VERDICT.c.kind, VERDICT.c.reason, count)
        .where(VERDICT.c.time_ms >= since_ms)
        .group_by(VERDICT.c.kind, VERDICT.c.reason)
        .order_by(VERDICT.c.kind, VERDICT.c.reason)
    )
    return [dict(row) for row in connection.execute(query).mappings()]
