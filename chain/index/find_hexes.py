"""Questions about hexagons: where there is coverage."""

from __future__ import annotations

from itertools import groupby

from sqlalchemy import Connection, func, select

from chain.index.cells import (
    LOCATION_RESOLUTION,
    PUBLIC_RESOLUTION,
    compute_children_range,
    compute_parent,
)
from chain.index.cursors import Found, Position
from chain.index.find_hotspots import is_in_cell
from chain.index.find_rewards import RewardFilter, sum_all
from chain.index.rendering import Row
from chain.index.rows import ACTIVE
from chain.index.schema import COVERAGE, HOTSPOT


def get_coverage(connection: Connection, resolution: int = PUBLIC_RESOLUTION) -> list[Row]:
    """All covered cells at a resolution up to 8: coarser cells add up what lies in them."""
    return find_coverage(connection, None, None, resolution).items


def find_coverage(
    connection: Connection,
    after: Position | None,
    limit: int | None,
    resolution: int = PUBLIC_RESOLUTION,
    within: int | None = None,
) -> Found[Row]:
    """Covered cells by their number, in all or ``within`` a cell. Position: (cell,) at ``resolution``.

    The children of a cell follow each other, so a page of coarse cells is one walk over the fine ones.
    """
    query = select(COVERAGE).order_by(COVERAGE.c.cell)
    counted = select(HOTSPOT.c.cell, func.count().label("hotspots")).where(
        HOTSPOT.c.cell.is_not(None), HOTSPOT.c.state == ACTIVE
    )
    if after is not None:
        last = compute_children_range(int(after[0]), PUBLIC_RESOLUTION)[1]
        query, counted = query.where(COVERAGE.c.cell > last), counted.where(HOTSPOT.c.cell > last)
    if within is not None:
        first, last = compute_children_range(within, PUBLIC_RESOLUTION)
        query = query.where(COVERAGE.c.cell.between(first, last))
        counted = counted.where(HOTSPOT.c.cell.between(first, last))
    hotspots: dict[int, int] = {}
    for cell, number in connection.execute(counted.group_by(HOTSPOT.c.cell)):
        parent = compute_parent(cell, resolution)
        hotspots[parent] = hotspots.get(parent, 0) + number
    cells: list[Row] = []
    rows = connection.execute(query).mappings()
    for parent, children in groupby(rows, key=lambda row: compute_parent(row["cell"], resolution)):
        if limit is not None and len(cells) == limit:
            return Found(cells, (cells[-1]["cell"],))
        parts = list(children)
        cells.append(
            {
                "cell": parent,
                "cells": len(parts),
                "beacons_heard": sum(part["beacons_heard"] for part in parts),
                "witnessed": sum(part["witnessed"] for part in parts),
                "last_ms": max(part["last_ms"] for part in parts),
                "hotspots": hotspots.get(parent, 0),
            }
        )
    return Found(cells, None)


def get_hex(connection: Connection, cell: int, resolution: int) -> Row:
    """One cell of any resolution up to 12: hotspots in it, coverage, what was paid there.

    Coverage is known by cells of resolution 8: for a finer cell it is that of the one around it.
    """
    wide = cell if resolution <= PUBLIC_RESOLUTION else compute_parent(cell, PUBLIC_RESOLUTION)
    own = min(resolution, PUBLIC_RESOLUTION)
    found = find_coverage(connection, None, 1, own, within=wide).items
    covered = found[0] if found else {"cells": 0, "beacons_heard": 0, "witnessed": 0, "last_ms": None}
    count = select(func.count()).select_from(HOTSPOT)
    count = count.where(is_in_cell(HOTSPOT.c.location, cell), HOTSPOT.c.state == ACTIVE)
    return {
        "resolution": resolution,
        "hotspots": int(connection.execute(count).scalar_one()),
        "covered_cells": covered["cells"],
        "beacons_heard": covered["beacons_heard"],
        "witnessed": covered["witnessed"],
        "last_ms": covered["last_ms"],
        "rewards_hxt": sum_all(connection, RewardFilter(cell=cell))["hxt"],
    }


__all__ = ["LOCATION_RESOLUTION", "find_coverage", "get_coverage", "get_hex"]
