"""Figures about the whole network, counted by the index."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select

from chain.index.find_hotspots import count_hotspots
from chain.index.find_rewards import DAY_MS, HOUR_MS, WEEK_MS, RewardFilter, sum_all
from chain.index.find_verdicts import count_by_reason
from chain.index.rendering import Row
from chain.index.schema import BLOCK, CLAIM, COVERAGE, EPOCH, HOTSPOT, LINK, METADATA, TRANSACTION

PERIODS = {"hour": HOUR_MS, "day": DAY_MS, "week": WEEK_MS}


def compute_statistics(connection: Connection, now_ms: int) -> Row:
    """Counts, and what happened in the last hour, day and week before ``now_ms`` (time of the last block)."""
    everyone, placed = count_hotspots(connection)
    active = select(func.count()).select_from(HOTSPOT).where(HOTSPOT.c.last_ms > now_ms - DAY_MS)
    return {
        "counts": {
            "hotspots": everyone,
            "hotspots_placed": placed,
            "hotspots_active_in_a_day": _count(connection, active),
            "blocks": _count(connection, select(func.count()).select_from(BLOCK)),
            "transactions": _count(connection, select(func.count()).select_from(TRANSACTION)),
            "epochs": _count(connection, select(func.count()).select_from(EPOCH)),
            "covered_cells": _count(connection, select(func.count()).select_from(COVERAGE)),
            "links": _count(connection, select(func.count()).select_from(LINK)),
        },
        "transactions_by_type": _count_kinds(connection),
        "periods": {
            name: _compute_period(connection, now_ms - length_ms) for name, length_ms in PERIODS.items()
        },
    }


def _compute_period(connection: Connection, since_ms: int) -> Row:
    blocks, first_ms, last_ms, transactions = connection.execute(
        select(
            func.count(),
            func.min(BLOCK.c.time_ms),
            func.max(BLOCK.c.time_ms),
            func.coalesce(func.sum(BLOCK.c.transactions), 0),
        ).where(BLOCK.c.time_ms > since_ms)
    ).one()
    data_credits, packets = connection.execute(
        select(
            func.coalesce(func.sum(CLAIM.c.data_credits), 0), func.coalesce(func.sum(CLAIM.c.packets), 0)
        ).where(CLAIM.c.time_ms > since_ms)
    ).one()
    return {
        "blocks": int(blocks),
        "mean_block_time_ms": (last_ms - first_ms) // (blocks - 1) if blocks > 1 else None,
        "transactions": int(transactions),
        "verdicts": count_by_reason(connection, since_ms + 1),
        "rewards_hxt": sum_all(connection, RewardFilter(from_ms=since_ms + 1))["hxt"],
        "data_credits_claimed": int(data_credits),
        "packets_claimed": int(packets),
    }


def _count_kinds(connection: Connection) -> Row:
    kind = TRANSACTION.c.kind
    query = select(kind, func.count()).group_by(kind).order_by(kind)
    return {name: int(number) for name, number in connection.execute(query)}


def count_rows(connection: Connection) -> dict[str, int]:
    """Rows of each table."""
    return {
        name: _count(connection, select(func.count()).select_from(table))
        for name, table in METADATA.tables.items()
    }


def _count(connection: Connection, query: Any) -> int:
    return int(connection.execute(query).scalar_one())
