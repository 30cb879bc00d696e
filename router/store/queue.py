"""Downlinks: what applications want sent, and what was handed to a hotspot."""

from __future__ import annotations

import sqlite3

import msgspec

from router.network.values import Downlink, QueueItem
from router.store.database import Transaction

#: Items a device may have waiting; more are refused, and the application is told.
MAX_ITEMS = 64
_KEPT_FINISHED = 10_000
_KEPT_DOWNLINKS = 10_000


def _as_item(row: sqlite3.Row) -> QueueItem:
    return QueueItem(
        item_id=row["item_id"],
        dev_eui=row["dev_eui"],
        confirmed=bool(row["confirmed"]),
        f_port=row["f_port"],
        data=row["data"],
        expires_at_ms=row["expires_at_ms"],
        state=row["state"],
        f_cnt_down=row["f_cnt_down"],
        downlink_id=row["downlink_id"],
        attempts=row["attempts"],
    )


def add_item(tx: Transaction, item: QueueItem) -> bool:
    """Append to the device's queue; False if this id is or was there already (a message delivered twice)."""
    if tx.get("SELECT 1 FROM finished_items WHERE item_id = ?", (item.item_id,)):
        return False
    cursor = tx.execute(
        "INSERT INTO queue (item_id, dev_eui, confirmed, f_port, data, expires_at_ms, state, f_cnt_down,"
        " downlink_id,"
        " attempts) VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING",
        (
            item.item_id,
            item.dev_eui,
            item.confirmed,
            item.f_port,
            item.data,
            item.expires_at_ms,
            item.state,
            item.f_cnt_down,
            item.downlink_id,
            item.attempts,
        ),
    )
    return cursor.rowcount == 1


def list_items(tx: Transaction, dev_eui: bytes) -> list[QueueItem]:
    return [
        _as_item(row)
        for row in tx.rows("SELECT * FROM queue WHERE dev_eui = ? ORDER BY position", (dev_eui,))
    ]


def get_item(tx: Transaction, item_id: str) -> QueueItem | None:
    row = tx.get("SELECT * FROM queue WHERE item_id = ?", (item_id,))
    return None if row is None else _as_item(row)


def finish_item(tx: Transaction, item_id: str, now_ms: int) -> None:
    """Take an item out for good; its id stays known for a while, so that a repeated command adds nothing."""
    tx.execute("DELETE FROM queue WHERE item_id = ?", (item_id,))
    tx.execute("INSERT INTO finished_items VALUES (?, ?) ON CONFLICT DO NOTHING", (item_id, now_ms))
    tx.execute(
        "DELETE FROM finished_items WHERE finished_at_ms <"
        " (SELECT finished_at_ms FROM finished_items ORDER BY finished_at_ms DESC LIMIT 1 OFFSET ?)",
        (_KEPT_FINISHED,),
    )


def clear_items(tx: Transaction, dev_eui: bytes, now_ms: int) -> int:
    items = list_items(tx, dev_eui)
    for item in items:
        finish_item(tx, item.item_id, now_ms)
    return len(items)


def put_item_state(tx: Transaction, item_id: str, state: str) -> None:
    tx.execute("UPDATE queue SET state = ? WHERE item_id = ?", (state, item_id))


def put_item_in_flight(tx: Transaction, item_id: str, f_cnt_down: int, downlink_id: int) -> None:
    tx.execute(
        "UPDATE queue SET state = 'in_flight', f_cnt_down = ?, downlink_id = ?, attempts = attempts + 1"
        " WHERE item_id = ?",
        (f_cnt_down, downlink_id, item_id),
    )


def reserve_downlink_id(tx: Transaction, downlink: Downlink, now_ms: int) -> int:
    """Record a downlink as handed out and return its id (never used twice, so results find their
    downlink).
    """
    cursor = tx.execute(
        "INSERT INTO downlinks (dev_eui, queue_item_id, f_cnt_down, hotspot, sent_at_ms, result, body)"
        " VALUES (?,?,?,?,?,'',?)",
        (
            downlink.dev_eui,
            downlink.queue_item_id,
            downlink.f_cnt_down,
            downlink.hotspot,
            now_ms,
            msgspec.json.encode(downlink),
        ),
    )
    downlink_id = int(cursor.lastrowid or 0)
    tx.execute("DELETE FROM downlinks WHERE downlink_id < ?", (downlink_id - _KEPT_DOWNLINKS,))
    return downlink_id


def get_downlink(tx: Transaction, downlink_id: int) -> tuple[Downlink, str] | None:
    """The downlink and its result ('' while unknown)."""
    row = tx.get("SELECT body, result FROM downlinks WHERE downlink_id = ?", (downlink_id,))
    if row is None:
        return None
    downlink = msgspec.json.decode(row["body"], type=Downlink)
    return msgspec.structs.replace(downlink, downlink_id=downlink_id), row["result"]


def put_downlink_result(tx: Transaction, downlink_id: int, result: str) -> None:
    tx.execute("UPDATE downlinks SET result = ? WHERE downlink_id = ?", (result, downlink_id))


def get_overdue_downlinks(tx: Transaction, before_ms: int) -> list[int]:
    """Ids of the downlinks handed out before `before_ms` of which nothing was heard."""
    return [
        row[0]
        for row in tx.rows(
            "SELECT downlink_id FROM downlinks WHERE result = '' AND sent_at_ms < ?", (before_ms,)
        )
    ]
