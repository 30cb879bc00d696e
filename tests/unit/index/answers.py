"""All that an index answers, to compare two of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from chain.index import find_history, find_hotspots, find_rewards, find_verdicts
from chain.index.cursors import Found, Position
from chain.index.database import IndexDatabase
from chain.index.find_hexes import find_coverage, get_coverage
from chain.index.find_rewards import BUCKETS, RewardFilter, sum_rewards
from chain.index.find_verdicts import VerdictFilter
from chain.index.statistics import compute_statistics, count_rows

Ask = Callable[[Connection, Position | None, int], Found[Any]]


def read_all(connection: Connection, ask: Ask, limit: int = 7) -> list[Any]:
    """Page by page to the end."""
    items: list[Any] = []
    after: Position | None = None
    while True:
        found = ask(connection, after, limit)
        assert len(found.items) <= limit
        items += found.items
        if found.after is None:
            return items
        assert len(found.items) == limit
        after = found.after


LISTS: dict[str, Ask] = {
    "blocks": find_history.find_blocks,
    "transactions": find_history.find_transactions,
    "events": find_history.find_events,
    "rounds": find_history.find_rounds,
    "epochs": find_history.find_epochs,
    "claims": find_history.find_claims,
    "prices": find_history.find_prices,
    "hotspots": find_hotspots.find_hotspots,
    "links": find_hotspots.find_links,
    "rewards": lambda c, after, limit: find_rewards.find_rewards(c, RewardFilter(), after, limit),
    "verdicts": lambda c, after, limit: find_verdicts.find_verdicts(c, VerdictFilter(), after, limit),
    "cells": find_coverage,
    "coarse cells": lambda c, after, limit: find_coverage(c, after, limit, 7),
    **{
        f"rewards by {by}": lambda c, after, limit, by=by: sum_rewards(c, RewardFilter(), by, after, limit)
        for by in (*BUCKETS, "hex")
    },
}


def dump(database: IndexDatabase) -> dict[str, Any]:
    with database.reading() as connection:
        standing = database.get_standing(connection)
        return {
            "height": standing.height,
            "time_ms": standing.time_ms,
            **{name: read_all(connection, ask, 1_000) for name, ask in LISTS.items()},
            "map": find_hotspots.get_placed_hotspots(connection),
            "map links": find_hotspots.get_map_links(connection),
            "coverage": {resolution: get_coverage(connection, resolution) for resolution in (8, 7, 4, 2)},
            "statistics": compute_statistics(connection, standing.time_ms),
            "rows": count_rows(connection),
        }
