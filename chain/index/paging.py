"""Pages of an answer: rows after a position, one more than asked for to see whether there is a next page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, and_, or_

from chain.index.cursors import Found, Position
from chain.index.rendering import Row

_decoder = msgspec.json.Decoder()


def find_page(
    connection: Connection,
    query: Select[Any],
    order: Sequence[ColumnElement[Any]],
    after: Position | None,
    limit: int,
    newest_first: bool = True,
    view: Callable[[Row], Any] = dict,
) -> Found[Any]:
    """At most ``limit`` rows of ``query`` after a position in ``order`` (columns that make a unique key).

    ``view`` makes an item of a row.
    """
    if after is not None:
        query = query.where(_is_after(order, after, newest_first))
    ordered = query.order_by(*(column.desc() if newest_first else column.asc() for column in order))
    rows = [dict(row) for row in connection.execute(ordered.limit(limit + 1)).mappings()]
    has_more = len(rows) > limit
    rows = rows[:limit]
    position = tuple(rows[-1][column.key or ""] for column in order) if has_more else None
    return Found([view(row) for row in rows], position)


def _is_after(
    order: Sequence[ColumnElement[Any]], after: Position, newest_first: bool
) -> ColumnElement[bool]:
    """(a, b) < (x, y) written out: databases use an index for it, and disagree about the short form."""
    first, value = order[0], after[0]
    beyond = first < value if newest_first else first > value
    if len(order) == 1:
        return beyond
    inner = and_(first == value, _is_after(order[1:], after[1:], newest_first))
    bound = first <= value if newest_first else first >= value
    return and_(bound, or_(beyond, inner))


def read_body(row: Row) -> Row:
    """An event as the API renders it, from its ``body``."""
    body: Row = _decoder.decode(row["body"])
    return body


def find_all(connection: Connection, query: Select[Any]) -> list[Row]:
    """All rows of a query."""
    return [dict(row) for row in connection.execute(query).mappings()]
