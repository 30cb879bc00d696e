"""Events for applications: written with what caused them, published in order, kept as the event store."""

from __future__ import annotations

from typing import Any

import msgspec

from router.store.database import Transaction

#: Unpublished events kept while no broker answers. At the limit no packet is taken from hotspots until it
#: drains.
MAX_UNPUBLISHED = 100_000
_KEPT = 20_000


class StoredEvent(msgspec.Struct, frozen=True, kw_only=True):
    seq: int
    dev_eui: bytes
    kind: str  # up | join | ack | txack | log | status
    topic: str
    payload: bytes
    created_at_ms: int
    published_at_ms: int | None


def add_event(tx: Transaction, dev_eui: bytes, kind: str, topic: str, payload: bytes, now_ms: int) -> int:
    cursor = tx.execute(
        "INSERT INTO events (dev_eui, kind, topic, payload, created_at_ms) VALUES (?,?,?,?,?)",
        (dev_eui, kind, topic, payload, now_ms),
    )
    seq = int(cursor.lastrowid or 0)
    if seq % 256 == 0:
        tx.execute("DELETE FROM events WHERE seq < ? AND published_at_ms IS NOT NULL", (seq - _KEPT,))
    return seq


def _as_event(row: Any) -> StoredEvent:
    return StoredEvent(
        seq=row["seq"],
        dev_eui=row["dev_eui"],
        kind=row["kind"],
        topic=row["topic"],
        payload=row["payload"],
        created_at_ms=row["created_at_ms"],
        published_at_ms=row["published_at_ms"],
    )


def get_unpublished(tx: Transaction, limit: int) -> list[StoredEvent]:
    """The oldest events not yet acknowledged by the broker, in order."""
    rows = tx.rows("SELECT * FROM events WHERE published_at_ms IS NULL ORDER BY seq LIMIT ?", (limit,))
    return [_as_event(row) for row in rows]


def count_unpublished(tx: Transaction) -> int:
    row = tx.get("SELECT count(*) FROM events WHERE published_at_ms IS NULL")
    return int(row[0]) if row else 0


def mark_published(tx: Transaction, seqs: list[int], now_ms: int) -> None:
    for seq in seqs:
        tx.execute("UPDATE events SET published_at_ms = ? WHERE seq = ?", (now_ms, seq))


def offer_recent_again(tx: Transaction, span_ms: int) -> int:
    """Unmark what was published in the last `span_ms` before the newest publication; how many.

    For a broker that lost its memory together with this process: it had acknowledged, but perhaps not
    delivered.
    """
    cursor = tx.execute(
        "UPDATE events SET published_at_ms = NULL WHERE published_at_ms >"
        " (SELECT max(published_at_ms) FROM events) - ?",
        (span_ms,),
    )
    return cursor.rowcount


def list_events(
    tx: Transaction, dev_eui: bytes | None, after: int, limit: int, kind: str = ""
) -> list[StoredEvent]:
    """Events after cursor `after`, oldest first; with `after` < 0 the newest `limit` ones, oldest first."""
    where: list[str] = ["1"]
    parameters: list[Any] = []
    if dev_eui is not None:
        where.append("dev_eui = ?")
        parameters.append(dev_eui)
    if kind:
        where.append("kind = ?")
        parameters.append(kind)
    if after >= 0:
        where.append("seq > ?")
        order = "ASC"
        parameters.append(after)
    else:
        order = "DESC"
    sql = f"SELECT * FROM events WHERE {' AND '.join(where)} ORDER BY seq {order} LIMIT ?"
    return sorted((_as_event(row) for row in tx.rows(sql, (*parameters, limit))), key=lambda event: event.seq)
