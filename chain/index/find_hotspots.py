"""Questions about hotspots and about who heard whom."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from chain.index.cells import LOCATION_RESOLUTION, compute_children_range
from chain.index.cursors import Found, Position
from chain.index.paging import find_all, find_page
from chain.index.rendering import Row
from chain.index.rows import ACTIVE
from chain.index.schema import HOTSPOT, LINK

_NOT_ON_MAPS = frozenset(
    {
        "location",
        "location_height",
        "added_height",
        "state",
        "released_hxt",
        "data_credits",
        "packets",
    }
)
#: What maps show: nothing finer than the cell of resolution 8.
_MAP_COLUMNS = [column for column in HOTSPOT.columns if column.name not in _NOT_ON_MAPS]


def is_in_cell(column: ColumnElement[Any], cell: int) -> ColumnElement[bool]:
    """Whether a location (a cell of resolution 12) lies in a cell."""
    first, last = compute_children_range(cell, LOCATION_RESOLUTION)
    return column.between(first, last)


def _is_named(words: str) -> ColumnElement[bool]:
    """A part of the animal name, with spaces or dashes between the words, in any case."""
    return HOTSPOT.c.name.contains("-".join(words.lower().replace("-", " ").split()), autoescape=True)


def _begins_with(prefix: str) -> ColumnElement[bool]:
    return func.substr(HOTSPOT.c.address, 1, len(prefix)) == prefix


def find_hotspots(
    connection: Connection,
    after: Position | None,
    limit: int,
    name: str | None = None,
    prefix: str | None = None,
    owner: str | None = None,
    cell: int | None = None,
) -> Found[Row]:
    """Hotspots by a part of the name, the beginning of the address, owner, hexagon of any resolution.

    By address. Position: (address,).
    """
    query = select(HOTSPOT)
    if name is not None:
        query = query.where(_is_named(name))
    if prefix is not None:
        query = query.where(_begins_with(prefix))
    if owner is not None:
        query = query.where(HOTSPOT.c.owner == owner)
    if cell is not None:
        query = query.where(is_in_cell(HOTSPOT.c.location, cell))
    return find_page(connection, query, [HOTSPOT.c.address], after, limit, newest_first=False)


def get_hotspot(connection: Connection, address: str) -> Row | None:
    """All that the index knows of one hotspot."""
    row = connection.execute(select(HOTSPOT).where(HOTSPOT.c.address == address)).mappings().first()
    return None if row is None else dict(row)


def find_links(
    connection: Connection,
    after: Position | None,
    limit: int,
    beaconer: str | None = None,
    witness: str | None = None,
) -> Found[Row]:
    """Who heard whose beacons, how often, how well the last time. Position: (beaconer, witness)."""
    query = select(LINK)
    if beaconer is not None:
        query = query.where(LINK.c.beaconer == beaconer)
    if witness is not None:
        query = query.where(LINK.c.witness == witness)
    return find_page(
        connection,
        query,
        [LINK.c.beaconer, LINK.c.witness],
        after,
        limit,
        newest_first=False,
        view=_view_link,
    )


def _view_link(row: Row) -> Row:
    return {**row, "last_reason": row["last_reason"] or None}


# For the map: places as resolution-8 cells, and where several share one, who stands where in it


def _select_placed() -> Select[Any]:
    rank = func.row_number().over(partition_by=HOTSPOT.c.cell, order_by=HOTSPOT.c.address) - 1
    crowd = func.count().over(partition_by=HOTSPOT.c.cell)
    return select(*_MAP_COLUMNS, rank.label("rank"), crowd.label("crowd")).where(
        HOTSPOT.c.cell.is_not(None), HOTSPOT.c.state == ACTIVE
    )


def get_placed_hotspots(connection: Connection) -> list[Row]:
    """Placed hotspots, with their ``rank`` among the ``crowd`` of their cell."""
    placed = _select_placed().subquery()
    return find_all(connection, select(placed).order_by(placed.c.name, placed.c.address))


def get_map_hotspot(connection: Connection, address: str) -> Row | None:
    """One hotspot, placed or not, as maps show it."""
    rows = _find_for_map(connection, HOTSPOT.c.address == address, 1)
    return rows[0] if rows else None


def search_hotspots(connection: Connection, words: str, limit: int) -> list[Row]:
    """By a part of the name or the beginning of the address, for a map's search box."""
    return _find_for_map(connection, or_(_is_named(words), _begins_with(words.strip())), limit)


def _find_for_map(connection: Connection, condition: ColumnElement[bool], limit: int) -> list[Row]:
    query = select(*_MAP_COLUMNS).where(condition).order_by(HOTSPOT.c.name, HOTSPOT.c.address).limit(limit)
    rows = find_all(connection, query)
    for row in rows:
        row["rank"], row["crowd"] = None, None
        if row["cell"] is not None:
            others = select(HOTSPOT.c.address).where(HOTSPOT.c.cell == row["cell"], HOTSPOT.c.state == ACTIVE)
            addresses = sorted(connection.execute(others).scalars())
            row["crowd"] = len(addresses)
            row["rank"] = addresses.index(row["address"]) if row["address"] in addresses else 0
    return rows


def count_hotspots(connection: Connection) -> tuple[int, int]:
    """All hotspots, and those that have a place."""
    query = select(func.count(), func.count(HOTSPOT.c.cell)).where(HOTSPOT.c.state == ACTIVE)
    everyone, placed = connection.execute(query).one()
    return int(everyone), int(placed)


def get_map_links(connection: Connection, hotspot: str | None = None) -> list[Row]:
    """Who heard whose beacon, between placed hotspots, with cells, ranks and names of both; all links, or
    those that one hotspot has a part in."""
    placed = _select_placed().cte("placed")
    beaconer, witness = placed.alias("b"), placed.alias("w")
    ends = [
        side.c[column].label(f"{who}_{column}")
        for who, side in (("beaconer", beaconer), ("witness", witness))
        for column in ("name", "cell", "rank", "crowd")
    ]
    shown = [column for column in LINK.columns if column.name != "first_ms"]
    query = (
        select(*shown, *ends)
        .join(beaconer, beaconer.c.address == LINK.c.beaconer)
        .join(witness, witness.c.address == LINK.c.witness)
        .order_by(LINK.c.beaconer, LINK.c.witness)
    )
    if hotspot is not None:
        query = query.where(or_(LINK.c.beaconer == hotspot, LINK.c.witness == hotspot))
    return find_all(connection, query)


def count_links(connection: Connection, address: str) -> tuple[int, int]:
    """How many others heard a hotspot, and how many it heard, at least once validly."""

    def count(column: ColumnElement[Any]) -> int:
        query = select(func.count()).select_from(LINK).where(and_(column == address, LINK.c.heard > 0))
        return int(connection.execute(query).scalar_one())

    return count(LINK.c.beaconer), count(LINK.c.witness)
